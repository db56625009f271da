package main

import (
	"os"
	"path/filepath"
	"runtime"
)

// stateVariable names the folder in which this program notes what it knows of archives.
const stateVariable = "GBAK_STATE"

// stateFolder returns that folder: what the variable says, or the place that the XDG
// specification or Windows gives it; "" if there is no home directory.
func stateFolder() string {
	if folder := os.Getenv(stateVariable); folder != "" {
		if abs, err := filepath.Abs(folder); err == nil {
			return abs
		}
		return ""
	}
	if folder := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "gbak-s3")
	}
	if folder := os.Getenv("LocalAppData"); runtime.GOOS == "windows" && filepath.IsAbs(folder) {
		return filepath.Join(folder, "gbak-s3")
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		return "" // such as /nonexistent, which is not ours to make
	}
	return filepath.Join(home, ".local", "state", "gbak-s3")
}
