# Completion of envbox for bash. It asks envbox itself what may stand next, names of boxes and
# images included.

_envbox() {
    local IFS=$'\n' line word joined=0 settled='' words=()
    # bash takes `alpine:3.20` for three words, and wants only what stands in place of the last.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if ((${#words[@]})) && [[ $COMP_WORDBREAKS == *:* && ($word == :* || ${words[-1]} == *:) ]]; then
            words[-1]+=$word
            joined=$((joined + 1))
            settled=${words[-1]%"${words[-1]##*:}"}
        else
            words+=("$word")
            settled=''
        fi
    done
    COMPREPLY=()
    for line in $("$1" __complete -- "${words[@]}" 2>/dev/null); do
        case $line in
            :files)
                compopt -o filenames
                _envbox_add compgen -f -- "$2"
                ;;
            :directories)
                compopt -o filenames
                _envbox_add compgen -d -- "$2"
                ;;
            ":command "*)
                _envbox_command $((${line#* } + 1 + joined)) "$2"
                ;;
            *)
                line=${line%%$'\t'*}
                COMPREPLY+=("${line#"$settled"}")
                ;;
        esac
    done
}

_envbox_add() {
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <("$@")
}

# The command line of another program begins at word $1.
_envbox_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        _envbox_add compgen -c -- "$2"
    else
        compopt -o filenames
        _envbox_add compgen -f -- "$2"
    fi
}

complete -F _envbox envbox
