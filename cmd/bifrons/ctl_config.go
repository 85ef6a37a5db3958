package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/internal/admin"
)

// configCommand shows what the running server runs on.
func (c *console) configCommand() *cobra.Command {
	return c.ask("config", "The configuration that the server runs on, with every default, secrets hidden", "/v1/config", func(w io.Writer, body []byte) error {
		text, err := yaml.JSONToYAML(body)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
}

// checkDiff tells what a file would change at the running server. The server reads and compares it, for it has the variables and the secrets.
func (c *console) checkDiff(cmd *cobra.Command, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	change, err := askChange(cmd.Context(), base(c.at)+"/v1/config/diff?name="+url.QueryEscape(file), text, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	return printChange(cmd.OutOrStdout(), change)
}

// askChange sends a configuration, or nothing, and reads what it changes; the mistakes in it go out one by one.
func askChange(ctx context.Context, at string, text []byte, errs io.Writer) (change admin.Change, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(text))
	if err != nil {
		return change, err
	}
	res, err := clientOf(ctx).Do(req)
	if err != nil {
		return change, fmt.Errorf("%w; is a server running there? --admin says where to ask", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return change, err
	}
	if res.StatusCode == http.StatusOK {
		return change, json.Unmarshal(body, &change)
	}
	var why struct {
		Error    string
		Mistakes configs.Errors
	}
	switch err = json.Unmarshal(body, &why); {
	case err != nil || why.Error == "":
		return change, fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	case len(why.Mistakes) == 0:
		return change, errors.New(why.Error)
	}
	for _, m := range why.Mistakes {
		fmt.Fprintln(errs, m.Error())
	}
	return change, fmt.Errorf("%s has %s; nothing has changed", why.Mistakes[0].File, mistakes(len(why.Mistakes)))
}

// printChange prints what changes, and what of it needs a restart.
func printChange(w io.Writer, change admin.Change) error {
	if err := printDiff(w, change.Changes); err != nil {
		return err
	}
	for _, section := range change.Restart {
		if _, err := fmt.Fprintf(w, "%s: obeyed after a restart only\n", section); err != nil {
			return err
		}
	}
	return nil
}

// reloadCommand makes the server read its configuration again.
func (c *console) reloadCommand() *cobra.Command {
	return &cobra.Command{Use: "reload", Short: "Let the server read its configuration again; calls at hand stay as they are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			change, err := askChange(cmd.Context(), base(c.at)+"/v1/reload", nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if c.json {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(change)
			}
			return printChange(cmd.OutOrStdout(), change)
		}}
}
