package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "../deploy/prometheus/rules.yml"
	dashboardFile = "../deploy/grafana/gbak-s3.json"
)

// rulesTestFiles are the unit tests of the rules.
var rulesTestFiles = []string{"../deploy/prometheus/rules_test.yml", "../deploy/prometheus/rules_cron_test.yml"}

// prometheus returns the path of prometheus or promtool, which scripts/minio-test.sh provides.
func prometheus(t testing.TB, name string) string {
	t.Helper()
	if folder := os.Getenv("GBAK_PROMETHEUS"); folder != "" {
		return filepath.Join(folder, name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "there is no "+name)
	}
	return path
}

// alert is one of rules.yml.
type alert struct {
	Name        string `yaml:"alert"`
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t testing.TB) []alert {
	t.Helper()
	content, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 13 {
		t.Fatalf("there are only %d alerts", len(all))
	}
	return all
}

// TestAlertRules: Prometheus accepts the rules, and each alert fires and is silent on written
// series as the files beside them say.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", rulesFile}, append([]string{"test", "rules"}, rulesTestFiles...)} {
		if out, err := exec.CommandContext(t.Context(), prometheus(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestAlertsAreTested: for each alert there are written series on which it fires, and some on
// which it does not.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, path := range rulesTestFiles {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Tests []struct {
				Checks []struct {
					Alert string `yaml:"alertname"`
					Want  []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal(content, &file); err != nil {
			t.Fatal(err)
		}
		for _, test := range file.Tests {
			for _, check := range test.Checks {
				if len(check.Want) > 0 {
					fires[check.Alert] = true
				} else {
					silent[check.Alert] = true
				}
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Name] || !silent[a.Name] {
			t.Errorf("%s: a test in which it fires: %v, in which it is silent: %v", a.Name, fires[a.Name], silent[a.Name])
		}
	}
}

// TestAlertsSayWhatToDo: each has a severity, a summary, a command to begin with, and a heading
// in the runbook; and each heading has an alert.
func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, runbook, _ := strings.Cut(string(content), "\n## Alerts\n")
	sections := headings(runbook)
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", a.Name, s)
		}
		if a.Annotations["summary"] == "" || !strings.Contains(a.Annotations["command"], "gbak-s3") {
			t.Errorf("%s has the annotations %v", a.Name, a.Annotations)
		}
		if url := a.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/operations.md#"+anchor(a.Name)) {
			t.Errorf("%s leads to %q", a.Name, url)
		}
		i := slices.Index(sections, a.Name)
		if i < 0 {
			t.Errorf("docs/operations.md has no heading %s", a.Name)
			continue
		}
		sections = slices.Delete(sections, i, i+1)
	}
	if len(sections) > 0 {
		t.Errorf("docs/operations.md has headings without alerts: %v", sections)
	}
}

// expressions returns those of all alerts and of the dashboard, by where they are. Variables
// of the dashboard are filled in.
func expressions(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, a := range alerts(t) {
		all[a.Name] = a.Expr
	}
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		Title   string
		Type    string
		Repeat  string
		Targets []struct{ Expr string }
	}
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$database", ".*", "$archive", ".*", "$__rate_interval", "1m")
	repeats := ""
	for _, p := range dashboard.Panels {
		repeats += p.Repeat
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for i, target := range p.Targets {
			all[p.Title+" "+string(rune('A'+i))] = fill.Replace(target.Expr)
		}
	}
	if repeats != "database" {
		t.Errorf("there is not one row for each database: %q", repeats)
	}
	return all
}

var selector = regexp.MustCompile(`\b(gbak|process|go)_\w+(\{[^}]*\})?`)

// selectors returns the series that an expression asks for.
func selectors(expression string) []string { return selector.FindAllString(expression, -1) }
