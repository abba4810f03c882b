# Offers the box of a project on `cd` into it. For ~/.zshrc:
#     eval "$(envbox hook zsh)"
# It looks for a file envbox.yaml upward from the directory, starts no program, and reads nothing of what is in the file.

_envbox_hook() {
    emulate -L zsh
    [[ ${PWD-} != "${_envbox_dir-}" ]] || return 0
    typeset -g _envbox_dir=${PWD-}
    local dir=$_envbox_dir
    while [[ $dir == /* ]]; do
        if [[ -f ${dir%/}/envbox.yaml ]]; then
            [[ ${_envbox_offered-} != *$'\n'"$dir"$'\n'* ]] || return 0
            typeset -g _envbox_offered=${_envbox_offered-$'\n'}$dir$'\n'
            builtin print -r -u2 -- 'envbox: this project has a box: envbox enter'
            return 0
        fi
        [[ $dir != / && $dir != "${HOME-}" ]] || return 0
        dir=${dir%/*}
        dir=${dir:-/}
    done
    return 0
}

# At the prompt, where it disturbs no function that changes directories, and not when the directory changes.
if [[ -o interactive && -z ${ENVBOX-} ]]; then
    typeset -ga precmd_functions
    if [[ " ${precmd_functions[*]-} " != *' _envbox_hook '* ]]; then
        precmd_functions+=(_envbox_hook)
    fi
fi
