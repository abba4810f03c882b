# Configures unpacked packages, as root of a user namespace, in the new root. Not for a running system.
set -eu
umask 022

ldconfig

# No package starts a service here (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt).
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# dpkg runs a preinst before it unpacks, and these were not unpacked by dpkg. Most only care for upgrades; these lay
# ground: the user database first, then links and alternatives.
for package in base-passwd base-files dash libc6 bash login; do
    for preinst in /var/lib/dpkg/info/$package.preinst /var/lib/dpkg/info/$package:*.preinst; do
        if [ -x "$preinst" ]; then
            DPKG_MAINTSCRIPT_PACKAGE=$package DPKG_MAINTSCRIPT_NAME=preinst DPKG_ROOT='' \
                DPKG_ADMINDIR=/var/lib/dpkg "$preinst" install
        fi
    done
done

# For each of 150 authorities, the config script of ca-certificates starts half a dozen processes to learn that it is
# trusted, as the default is. Its shortcut for a first installation, which ours is, comes to the same. And its postinst
# collects them all twice: once by itself, and once by the trigger that it sets off. The second is enough.
config=/var/lib/dpkg/info/ca-certificates.config
scratch=/tmp/envbox-configure
mkdir -p $scratch
if [ -f $config ]; then
    cp -p $config $scratch/config
    sed -i 's,^if test -d /usr/share/ca-certificates;,if false;,' $config
    printf '#!/bin/sh\n[ "$1" = --hooksdir ] || exec /usr/sbin/update-ca-certificates "$@"\n' \
        >$scratch/update-ca-certificates
    chmod 755 $scratch/update-ca-certificates
fi

# In one go, dpkg finds the order; what is unpacked is all there, so a circle does no harm.
PATH=$scratch:$PATH dpkg --force-depends --force-unsafe-io --configure -a

if [ -f $config ]; then
    mv $scratch/config $config
fi
rm -rf $scratch
rm -f /usr/sbin/policy-rc.d

# What belongs to one machine or one moment does not belong into a layer.
: >/etc/machine-id
: >/etc/hostname
: >/etc/resolv.conf
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/.pwd.lock
rm -f /var/lib/dpkg/*-old /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache
rm -f /var/log/alternatives.log /var/log/dpkg.log /var/log/bootstrap.log /var/log/apt/*.log
