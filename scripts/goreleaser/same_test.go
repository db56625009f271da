// Package goreleaser tests that .goreleaser.yaml says the same as scripts/release.sh.
package goreleaser

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// config is what of the file can be compared.
type config struct {
	Builds []struct {
		Main, Binary, Ldflags, Buildmode string
		Goos, Goarch, Env, Flags, Tags   []string
		Goamd64, Gcflags, Asmflags       []string
	}
	Archives []struct {
		Formats      []string
		NameTemplate string `yaml:"name_template"`
	}
	SBOMs []struct {
		Artifacts string
		Documents []string
	}
	Images []struct {
		Dockerfile string
		Platforms  []string
		Tags       []string
		ExtraFiles []string `yaml:"extra_files"`
	} `yaml:"dockers_v2"`
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
		Algorithm    string
		ExtraFiles   []struct{ Glob string } `yaml:"extra_files"`
	}
}

// A build is how the go command is called for one binary.
type build struct{ OS, Arch, Cgo, CC, Main, Flags, Tags, Ldflags string }

// expand returns what GoReleaser makes of a template.
func expand(t *testing.T, text, goos, arch string) string {
	t.Helper()
	ext := ""
	if goos == "windows" {
		ext = ".exe"
	}
	parsed, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, map[string]string{"Version": "7.8.9", "Os": goos, "Arch": arch, "Binary": "gbak-s3", "Ext": ext}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func readConfig(t *testing.T) (c config) {
	t.Helper()
	text, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Archives) != 1 || len(c.SBOMs) != 1 || len(c.Images) != 1 {
		t.Fatalf("%d archives, %d bills of materials and %d images, instead of one each", len(c.Archives), len(c.SBOMs), len(c.Images))
	}
	return c
}

// buildsOf returns how GoReleaser builds, by the name of the binary.
func buildsOf(t *testing.T, c config) map[string]build {
	t.Helper()
	builds := map[string]build{}
	for _, b := range c.Builds {
		if b.Goamd64 != nil || b.Gcflags != nil || b.Asmflags != nil || b.Buildmode != "" {
			t.Errorf("a build has a setting that the script does not have: %+v", b)
		}
		for _, goos := range b.Goos {
			for _, arch := range b.Goarch {
				env := map[string]string{}
				for _, e := range b.Env {
					name, value, _ := strings.Cut(expand(t, e, goos, arch), "=")
					env[name] = value
				}
				name := expand(t, c.Archives[0].NameTemplate+"{{ .Ext }}", goos, arch)
				builds[name] = build{
					OS: goos, Arch: arch, Cgo: env["CGO_ENABLED"], CC: env["CC"], Main: b.Main,
					Flags: strings.Join(b.Flags, " "), Tags: strings.Join(b.Tags, ","), Ldflags: expand(t, b.Ldflags, goos, arch),
				}
			}
		}
	}
	return builds
}

// The go command of the script: it notes how it is called, and builds nothing.
const recorder = `#!/bin/sh
[ "$1" = build ] || exit 0
while [ $# -gt 0 ]; do
  case $1 in
    build) ;;
    -o) out=$2; shift ;;
    -tags) tags=$2; shift ;;
    -ldflags) ldflags=$2; shift ;;
    -*) flags="$flags $1" ;;
    *) main=$1 ;;
  esac
  shift
done
: >"$out"
printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${out##*/}" "$GOOS" "$GOARCH" "$CGO_ENABLED" "$CC" "$main" "${flags# }" "$tags" "$ldflags" >>"$RECORD"
`

// script runs scripts/release.sh with the recorder, as of version 7.8.9, and returns how it
// builds, and all names in its SHA256SUMS.
func script(t *testing.T) (builds map[string]build, names []string) {
	t.Helper()
	root, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"release.sh", "release-version.sh"} {
		text, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		write("scripts/"+name, string(text))
	}
	write("CHANGELOG.md", "# Changelog\n\n## 7.8.9 - 2031-05-06\n\n## 7.8.8 - 2031-05-05\n")
	write("scripts/sbom.sh", "echo of $1\n")
	write("scripts/licenses.sh", "echo licences\n")
	write("scripts/packages.sh", "for arch in amd64 arm64; do for kind in deb rpm; do : >$1/gbak-s3_7.8.9_$arch.$kind; done; done\n")
	write("bin/go", recorder)
	for _, cc := range []string{"x86_64-linux-gnu-gcc", "aarch64-linux-gnu-gcc"} {
		write("bin/"+cc, "#!/bin/sh\nexit 1\n")
	}
	cmd := exec.Command("bash", filepath.Join(root, "scripts/release.sh"), filepath.Join(root, "dist"))
	cmd.Env = append(os.Environ(), "RECORD="+record, "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	builds = map[string]build{}
	for line := range strings.Lines(string(lines)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		builds[f[0]] = build{OS: f[1], Arch: f[2], Cgo: f[3], CC: f[4], Main: f[5], Flags: f[6], Tags: f[7], Ldflags: f[8]}
	}
	sums, err := os.ReadFile(filepath.Join(root, "dist/SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		names = append(names, strings.Fields(line)[1])
	}
	return builds, names
}

func TestSameAsTheScript(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the script needs Linux")
	}
	c := readConfig(t)
	want, names := script(t)
	if len(want) != 6 {
		t.Fatalf("the script builds %d binaries", len(want))
	}
	got := buildsOf(t, c)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the script (-) and .goreleaser.yaml (+) build differently:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"binary"}, c.Archives[0].Formats); diff != "" {
		t.Errorf("binaries are packed: %s", diff)
	}

	// Each file of the script is one of GoReleaser's: a binary, its bill of materials, or a
	// file that is made beside.
	if bills := c.SBOMs[0]; bills.Artifacts != "binary" || !cmp.Equal(bills.Documents, []string{"{{ .ArtifactName }}.sbom.json"}) {
		t.Errorf("bills of materials are %+v", bills)
	}
	for _, name := range names {
		_, isBinary := got[name]
		_, hasBill := got[strings.TrimSuffix(name, ".sbom.json")]
		isBeside := false
		for _, extra := range c.Checksum.ExtraFiles {
			if ok, err := path.Match(path.Base(extra.Glob), name); err != nil {
				t.Fatal(err)
			} else if ok {
				isBeside = true
			}
		}
		if !isBinary && !hasBill && !isBeside {
			t.Errorf("%s is in the script's release only", name)
		}
	}
	if len(names) != 2*len(got)+5 {
		t.Errorf("the script's release has %d files: %q", len(names), names)
	}
	if c.Checksum.NameTemplate != "SHA256SUMS" || c.Checksum.Algorithm != "sha256" {
		t.Errorf("checksums are %+v", c.Checksum)
	}
}

func TestSameImage(t *testing.T) {
	image := readConfig(t).Images[0]
	text, err := os.ReadFile("../image.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "--file "+image.Dockerfile) || !strings.Contains(string(text), "\ntag=gbak-s3:$version\n") ||
		!strings.Contains(string(text), `"$context/empty"`) || !cmp.Equal(image.ExtraFiles, []string{"empty"}) ||
		!cmp.Equal(image.Tags, []string{"{{ .Version }}"}) || !cmp.Equal(image.Platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("the image is another one than that of scripts/image.sh: %+v", image)
	}
}
