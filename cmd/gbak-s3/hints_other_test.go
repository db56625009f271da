//go:build !windows

package main

var windowsHintCases []hintCase
