# Offers the box of a project on `cd` into it. For ~/.bashrc:
#     eval "$(envbox hook bash)"
# It looks for a file envbox.yaml upward from the directory, starts no program, and reads nothing of what is in the file.

_envbox_hook() {
    [[ ${PWD-} != "${_envbox_dir-}" ]] || return 0
    _envbox_dir=${PWD-}
    local dir=$_envbox_dir
    while [[ $dir == /* ]]; do
        if [[ -f ${dir%/}/envbox.yaml ]]; then
            [[ ${_envbox_offered-} != *$'\n'"$dir"$'\n'* ]] || return 0
            _envbox_offered=${_envbox_offered-$'\n'}$dir$'\n'
            builtin printf '%s\n' 'envbox: this project has a box: envbox enter' >&2
            return 0
        fi
        [[ $dir != / && $dir != "${HOME-}" ]] || return 0
        dir=${dir%/*}
        dir=${dir:-/}
    done
    return 0
}

# bash keeps `$?` for those that come after it. A line of its own: what is there may end in a semicolon.
if [[ $- == *i* && -z ${ENVBOX-} && ${PROMPT_COMMAND[*]-} != *_envbox_hook* ]]; then
    if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
        PROMPT_COMMAND+=(_envbox_hook)
    else
        # shellcheck disable=SC2178,SC2128 # Not an array here.
        PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}_envbox_hook
    fi
fi
