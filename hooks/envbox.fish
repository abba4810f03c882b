# Offers the box of a project on `cd` into it. For ~/.config/fish/config.fish:
#     envbox hook fish | source
# It looks for a file envbox.yaml upward from the directory, starts no program, and reads nothing of what is in the file.

if status is-interactive; and test -z "$ENVBOX"
    function _envbox_hook --on-event fish_prompt
        test "$PWD" != "$_envbox_dir"; or return 0
        set -g _envbox_dir $PWD
        set -l dir $PWD
        while string match -q '/*' -- "$dir"
            if test -f (string trim --right --chars / -- $dir | string collect --allow-empty)/envbox.yaml
                if not contains -- $dir $_envbox_offered
                    set -ga _envbox_offered $dir
                    echo 'envbox: this project has a box: envbox enter' >&2
                end
                return 0
            end
            test "$dir" != / -a "$dir" != "$HOME"; or return 0
            set dir (string replace --regex '/[^/]*$' '' -- $dir | string collect --allow-empty)
            test -n "$dir"; or set dir /
        end
        return 0
    end
end
