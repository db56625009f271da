package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// maxDuration bounds durations: what is longer is a slip of the finger.
const maxDuration = 10 * 366 * 24 * time.Hour

var days = regexp.MustCompile(`^([0-9]{1,5})([dw])(.*)$`)

// ParseDuration reads a duration such as 500ms, 10s, 1h30m, 7d or 2w; 0 needs no unit.
func ParseDuration(text string) (time.Duration, error) {
	rest, whole := text, time.Duration(0)
	if m := days.FindStringSubmatch(text); m != nil {
		unit := 24 * time.Hour
		if m[2] == "w" {
			unit *= 7
		}
		n, _ := strconv.Atoi(m[1]) //nolint:errcheck // five digits are a number
		whole, rest = time.Duration(n)*unit, m[3]
	}
	var d time.Duration
	if rest != "" || whole == 0 && rest == text {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, fmt.Errorf("%q is not a duration; write 500ms, 10s, 1h30m or 7d", text)
		}
	}
	switch {
	case d < 0:
		return 0, fmt.Errorf("the duration %q is below zero", text)
	case d > maxDuration || whole+d > maxDuration:
		return 0, fmt.Errorf("the duration %q is more than ten years", text)
	}
	return whole + d, nil
}

// ParseFree reads how much must be free: 5%, 10GiB, or 0.
func ParseFree(text string) (Free, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(percent >= 0 && percent < 100) {
			return Free{}, fmt.Errorf("%q is not a percentage from 0%% to below 100%%", text)
		}
		return Free{Percent: percent}, nil
	}
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes > math.MaxInt64 {
		return Free{}, fmt.Errorf("%q is neither a percentage nor a size; write 5%% or 10GiB", text)
	}
	return Free{Bytes: int64(bytes)}, nil
}

// ParseShare reads a part of a whole as a percentage, such as 5%, and returns it as a number from
// 0 to 1.
func ParseShare(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !isPercent || err != nil || !(percent > 0 && percent <= 100) {
		return 0, fmt.Errorf("%q is not a percentage above 0%% and up to 100%%; write 5%%", text)
	}
	return percent / 100, nil
}

// ParseWindow reads a time of day such as 01:00-05:00.
func ParseWindow(text string) (*Window, error) {
	from, to, found := strings.Cut(text, "-")
	begin, errBegin := time.Parse("15:04", strings.TrimSpace(from))
	end, errEnd := time.Parse("15:04", strings.TrimSpace(to))
	if !found || errBegin != nil || errEnd != nil {
		return nil, fmt.Errorf(`%q is not a time of day; write "01:00-05:00"`, text)
	}
	return &Window{begin.Hour()*60 + begin.Minute(), end.Hour()*60 + end.Minute()}, nil
}

// ParseRate reads a number of times in a second, minute, hour or day, such as 20000/day.
func ParseRate(text string) (Rate, error) {
	number, unit, found := strings.Cut(text, "/")
	per := map[string]time.Duration{
		"s": time.Second, "second": time.Second, "m": time.Minute, "minute": time.Minute,
		"h": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour,
	}[strings.TrimSpace(unit)]
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
	if !found || per == 0 || err != nil || n < 1 {
		return Rate{}, fmt.Errorf("%q is not a rate; write 20000/day or 10/minute", text)
	}
	return Rate{int(n), per}, nil
}

// parseCount reads a whole number that is not below zero.
func parseCount(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a whole number from 0 up", text)
	}
	return int(n), nil
}

// parseDays reads a number of days.
func parseDays(text string) (time.Duration, error) {
	n, err := parseCount(text)
	if err != nil || n == 0 || n > 36525 {
		return 0, fmt.Errorf("%q is not a number of days", text)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// oneOf returns a function that accepts some words.
func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		for _, word := range words {
			if text == word {
				return text, nil
			}
		}
		return "", fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
	}
}

// ParseListen reads an address to answer at, such as 127.0.0.1:8484 or unix:/run/gbak-s3/page.sock.
func ParseListen(text string) (string, error) {
	if path, isSocket := strings.CutPrefix(text, "unix:"); text == "" || isSocket && filepath.IsAbs(path) {
		return text, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return "", fmt.Errorf(`%q is not an address to answer at; write "127.0.0.1:8484" or "unix:/run/gbak-s3/page.sock"`, text)
	}
	return text, nil
}

// CheckHost returns an error if a text is no name of a host. It has no port, as none is compared.
func CheckHost(text string) error {
	if text == "" || strings.ContainsAny(text, "/ *@") || strings.Contains(text, ":") && net.ParseIP(strings.Trim(text, "[]")) == nil {
		return fmt.Errorf("%q is not the name of a host; write backups.example, without a port", text)
	}
	return nil
}

// ParsePage reads what the status page shows.
func ParsePage(text string) (Page, error) {
	word, err := oneOf(string(PageOff), string(PageFull))(text)
	return Page(word), err
}

// ParseHeartbeat reads the URL of a heartbeat. What is wrong with it is said without the
// URL, which may be a secret.
func ParseHeartbeat(text string) (string, error) {
	if text == "" || strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		return text, nil
	}
	return "", errors.New("this is not a URL that begins with https:// or http://")
}

// ParseHeartbeatStyle reads whether a heartbeat is told of failures, too.
func ParseHeartbeatStyle(text string) (string, error) { return oneOf("plain", "healthchecks")(text) }
