package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// stamped is the version of a release: scripts/release.sh has the linker set it.
var stamped string

// version returns that of the release or else of the module, as the go command recorded it.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}

type versionLine struct {
	Type          string `json:"type"` // "version"
	Version       string `json:"version"`
	Go            string `json:"go"`
	Platform      string `json:"platform"`
	ArchiveFormat int    `json:"archive_format"`
	Zstd          string `json:"zstd"` // the language of it
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  gbak-s3 version",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if a.out.json {
				platform := runtime.GOOS + "/" + runtime.GOARCH
				return a.out.printJSON(versionLine{"version", version(), runtime.Version(), platform, manifest.Format, segment.Compressor})
			}
			return a.out.print("%s", versionText())
		},
	}
}

// versionText is what --version prints, too.
func versionText() string {
	return fmt.Sprintf("gbak-s3 %s, %s, %s/%s, archive format %d, zstd in %s",
		version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, manifest.Format, segment.Compressor)
}
