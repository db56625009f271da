package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is how long an answer may take: a watcher that is alive answers at once.
const healthTimeout = 5 * time.Second

func healthCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "health [URL]",
		Short: "Ask a watcher whether it is alive",
		Long: `health asks the watcher that listens at URL, by default http://127.0.0.1:8484, whether
it is alive: whether the loop of each database is still running. It exits with 0 if so,
else with 1. It is for images without a shell and curl.`,
		Example: `  gbak-s3 health
  gbak-s3 health http://127.0.0.1:9100/readyz`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("too many arguments", "Usage: "+cmd.UseLine())
			}
			address := "http://127.0.0.1:8484"
			if len(args) == 1 {
				address = args[0]
			}
			return a.health(cmd, address)
		},
	}
}

type healthLine struct {
	Type   string `json:"type"` // "health"
	Alive  bool   `json:"alive"`
	Answer string `json:"answer"`
}

func (a *app) health(cmd *cobra.Command, address string) error {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage("%q is no URL of a watcher", "Give the address that watch --listen has, such as http://127.0.0.1:8484.", address)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/livez"
	}
	alive, answer := ask(cmd, u.String())
	if a.out.json {
		err = a.out.printJSON(healthLine{"health", alive, answer})
	} else {
		err = a.out.print("%s", answer)
	}
	if !alive {
		return &answeredError{exit: exitError}
	}
	return err
}

// ask returns whether the watcher answers that all is well, and what it says.
func ask(cmd *cobra.Command, address string) (alive bool, answer string) {
	request, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, address, nil)
	if err != nil {
		return false, err.Error()
	}
	response, err := (&http.Client{Timeout: healthTimeout}).Do(request)
	if err != nil {
		return false, fmt.Sprintf("no watcher answers there: %v; does one run with --listen, and at this address?", err)
	}
	defer response.Body.Close()
	const enough = 4096
	text, err := io.ReadAll(io.LimitReader(response.Body, enough))
	if err != nil {
		return false, err.Error()
	}
	answer = strings.TrimSpace(string(text))
	if response.StatusCode != http.StatusOK {
		return false, fmt.Sprintf("%s: %s", response.Status, answer)
	}
	return true, answer
}
