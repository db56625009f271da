package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// version is that of the module, as the go command has recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.say(map[string]any{
					"type": "version", "version": version(), "go": runtime.Version(),
					"platform": runtime.GOOS + "/" + runtime.GOARCH, "archive_format": manifest.Format,
					"zstd": segment.Compressor,
				})
			}
			return a.print("gbak-s3 %s, %s, %s/%s, archive format %d, zstd in %s",
				version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, manifest.Format, segment.Compressor)
		},
	}
}
