# Installs the packages beside it, of which the arguments are those that were asked for. There is no network.
set -eu
apt-get install --yes --no-install-recommends --allow-downgrades /run/envbox-debs/*.deb
for deb in /run/envbox-debs/*.deb; do
    name=${deb##*/}
    name=${name%.deb}
    auto=yes
    for wanted; do
        [ "$wanted" != "$name" ] || auto=no
    done
    [ $auto = no ] || echo "$name"
done | xargs --no-run-if-empty apt-mark auto
