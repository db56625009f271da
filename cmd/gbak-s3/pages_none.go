//go:build !man

package main

import "github.com/spf13/cobra"

// pagesCommands returns nothing: only a build with the tag man writes man pages.
func pagesCommands(*app) []*cobra.Command { return nil }
