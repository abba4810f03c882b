# Completion of envbox for bash. It asks envbox itself what may stand next, names of boxes included.

_envbox() {
    local IFS=$'\n' line
    COMPREPLY=()
    for line in $("$1" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
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
                _envbox_command $((${line#* } + 1)) "$2"
                ;;
            *)
                COMPREPLY+=("${line%%$'\t'*}")
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
