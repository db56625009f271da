package manifest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseAge(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"1s": time.Second, "90m": 90 * time.Minute, "36h": 36 * time.Hour, "30d": 720 * time.Hour, "8w": 56 * 24 * time.Hour,
		"036h": 36 * time.Hour, "36525d": MaxAge,
	} {
		if got, err := ParseAge(s); err != nil || got != want {
			t.Errorf("ParseAge(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "7", "d", "7 d", " 7d", "-7d", "+7d", "7D", "7y", "7d12h", "1.5d", "0d", "36526d", "5218w",
		"9223372036854775807w", "9223372036854775808s", "18446744073709551616d", "99999999999999999999999h", "٣d",
	} {
		if got, err := ParseAge(s); err == nil {
			t.Errorf("ParseAge(%q) = %v, want an error", s, got)
		}
	}
}

func TestParseCount(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"1": 1, "30": 30, "2147483647": 2147483647} {
		if got, err := ParseCount(s); err != nil || got != want {
			t.Errorf("ParseCount(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0", "-1", "1.5", "all", "2147483648", "99999999999999999999"} {
		if got, err := ParseCount(s); err == nil {
			t.Errorf("ParseCount(%q) = %v, want an error", s, got)
		}
	}
}

func TestRulesThatCannotBeFollowed(t *testing.T) {
	t.Parallel()
	hundredYears := int64(MaxAge / time.Second)
	for rule, r := range map[string]Rules{
		"":         {},
		"last":     {Last: -1},
		"full":     {Full: -1},
		"within_s": {Within: hundredYears + 1},
		"window_s": {Last: 1, Window: -1},
		"yearly":   {Daily: 1, Yearly: -1},
		"labels":   {Labels: []string{"=x"}},
	} {
		err, as := r.Validate(), (*RulesError)(nil)
		if !errors.As(err, &as) || as.Rule != rule || !strings.HasPrefix(err.Error(), rule) {
			t.Errorf("%+v: %v, want an error about %q", r, err, rule)
		}
	}
	for _, r := range []Rules{{Last: 1}, {Within: hundredYears, Window: 1}, {Labels: []string{"release", "release=0.6"}}} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
