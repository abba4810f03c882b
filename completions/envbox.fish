# Completion of envbox for fish. It asks envbox itself what may stand next, names of boxes included.

function __envbox_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l begun (commandline --current-token --cut-at-cursor)
    test (count $begun) -eq 0; and set begun ''
    for line in ($words[1] __complete -- $words[2..] $begun 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path $begun
            case ':directories'
                __fish_complete_directories $begun
            case ':command *'
                set -l first (math (string replace ':command ' '' -- $line) + 2)
                set -l command (string escape -- $words[$first..]) "$begun"
                complete --do-complete="$command"
            case '*'
                echo $line
        end
    end
end

complete --command envbox --no-files --arguments '(__envbox_complete)'
