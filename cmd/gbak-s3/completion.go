package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completionCommand prints scripts that complete commands, flags and values in a shell.
func completionCommand(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion " + strings.Join(shells, "|"),
		Short: "Print a script that completes commands in a shell",
		Long: `completion prints a script that lets a shell complete the commands, flags and values of
gbak-s3 with the Tab key. Packages install it. Without one, put it where your shell looks
for it, or run it when the shell starts, as in the examples.`,
		Example: `  gbak-s3 completion bash > ~/.local/share/bash-completion/completions/gbak-s3
  gbak-s3 completion zsh > ~/.zfunc/_gbak-s3
  gbak-s3 completion fish > ~/.config/fish/completions/gbak-s3.fish`,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			const hint = "Choose bash, zsh, fish or powershell."
			switch {
			case len(args) == 0:
				return usage("the shell is missing", hint)
			case len(args) > 1:
				return usage("too many arguments", hint)
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.out.stdout)
			case "fish":
				return root.GenFishCompletion(a.out.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out.stdout)
			}
			return usage("there is no shell %q", hint, args[0])
		},
	}
}
