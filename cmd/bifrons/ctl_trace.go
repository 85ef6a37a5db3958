package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bifrons/bifrons/cmd/bifrons/ladder"
	"github.com/bifrons/bifrons/internal/admin"
	"github.com/bifrons/bifrons/sip"
)

// traceCommand draws the last messages of a call.
func (c *console) traceCommand() *cobra.Command {
	var messages bool
	var pcap string
	var rtp time.Duration
	cmd := &cobra.Command{
		Use:   "trace CALL",
		Short: "Draw the messages of a call on both legs, also of one that failed a while ago",
		Long: `Draws the last messages of a call on all its legs, with the time of each in milliseconds. With --messages each
message follows in full; what no other party of the call was shown is marked «so», in colour on a terminal.
The number of a call is that of "bifrons ctl calls", of "bifrons ctl records", and of the logs. How many messages are
kept, and for how long those of failed calls outlive others, is trace in docs/configuration.md.`,
		Args: oneCall,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/v1/calls/" + args[0] + "/trace"
			if pcap == "" && rtp != 0 {
				return usageError{fmt.Errorf("--rtp is for a capture: name its file with --pcap FILE")}
			}
			if pcap != "" {
				path += "?format=pcap"
				if rtp > 0 {
					path += "&rtp=" + rtp.String()
				}
				body, err := getWithin(cmd.Context(), base(c.at)+path, rtp+10*time.Second)
				if err != nil {
					return err
				}
				if pcap == "-" {
					_, err = cmd.OutOrStdout().Write(body)
					return err
				}
				return writePrivate(pcap, body)
			}
			body, err := c.get(cmd.Context(), path)
			if err != nil {
				return err
			}
			if c.json {
				_, err = cmd.OutOrStdout().Write(body)
				return err
			}
			var t admin.Trace
			if err := json.Unmarshal(body, &t); err != nil {
				return err
			}
			return showTrace(cmd.OutOrStdout(), &t, messages)
		},
	}
	cmd.Flags().BoolVarP(&messages, "messages", "m", false, "print each message in full")
	cmd.Flags().StringVar(&pcap, "pcap", "", "write a capture that Wireshark opens to this file, - is standard output")
	cmd.Flags().DurationVar(&rtp, "rtp", 0, "with --pcap: gather heads of RTP packets for so long, 20s at most")
	return cmd
}

// writePrivate writes a file that its owner alone may read, also where it was there with another mode.
func writePrivate(name string, body []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Chmod(0o600); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Close())
}

// oneCall wants the number of a call.
func oneCall(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("the number of one call is wanted, as `bifrons ctl calls` shows it")}
	}
	if _, err := strconv.ParseUint(args[0], 10, 64); err != nil {
		return usageError{fmt.Errorf("%q is not the number of a call; `bifrons ctl calls` shows them", args[0])}
	}
	return nil
}

func showTrace(w io.Writer, t *admin.Trace, full bool) error {
	style := ladder.Style{Terminal: colourful(w), Width: columns(w)}
	names, rungs, hidden := []string{"?"}, []ladder.Rung{}, make([]map[string]bool, 0)
	for i, m := range t.Messages {
		lane := int(m.Leg)
		for len(names) <= lane {
			names = append(names, "?")
		}
		for len(hidden) <= lane {
			hidden = append(hidden, map[string]bool{})
		}
		names[lane] = m.Side + " " + m.Remote.String()
		for _, s := range m.Hidden {
			hidden[lane][strings.ToLower(string(m.Data[s.Start:s.End]))] = true
		}
		title, wrong := titleOf(m.Data)
		again := slices.ContainsFunc(t.Messages[:i], func(o admin.Message) bool {
			return o.Leg == m.Leg && o.Sent == m.Sent && bytes.Equal(o.Data, m.Data)
		})
		rungs = append(rungs, ladder.Rung{At: m.At, Lane: lane, Out: m.Sent, Title: title, Again: again, Wrong: wrong})
	}
	if err := ladder.Draw(w, style, names, rungs); err != nil {
		return err
	}
	for lane, h := range hidden {
		if len(h) > 0 {
			fmt.Fprintf(w, "%d values of %s's network that nobody else was shown\n", len(h), names[lane])
		}
	}
	if r := t.Record; r != nil {
		fmt.Fprintf(w, "ended with %d by %s: %s %s\n", r.Status, r.By, r.Cause, r.Evidence)
	}
	if !full {
		return nil
	}
	for _, m := range t.Messages {
		way := "from"
		if m.Sent {
			way = "to"
		}
		fmt.Fprintf(w, "\n%s  leg %d, %s %s %s\n", m.At.Format("15:04:05.000"), m.Leg, m.Transport, way, m.Remote)
		if _, err := io.WriteString(w, marked(m, style.Terminal)); err != nil {
			return err
		}
	}
	return nil
}

// titleOf is the method with the Request-URI's user, or the status of a response.
func titleOf(data []byte) (title string, wrong bool) {
	var m sip.Message
	if m.Parse(data) != nil {
		line, _, _ := strings.Cut(string(data), "\r\n")
		return line, true
	}
	if !m.IsRequest() {
		_, method := m.CSeq()
		title = fmt.Sprintf("%d %s (%s)", m.Status, m.Reason, method)
		return title + described(&m), m.Status >= 400
	}
	return string(m.MethodName) + " " + string(m.RequestURI) + described(&m), false
}

// described tells of a session description, and of its direction.
func described(m *sip.Message) string {
	if !bytes.Contains(m.Body, []byte("v=0")) {
		return ""
	}
	for _, way := range []string{"sendonly", "recvonly", "inactive"} {
		if bytes.Contains(m.Body, []byte("a="+way)) {
			return " sdp " + way
		}
	}
	return " sdp"
}

// marked is the text of a message, with what was hidden marked.
func marked(m admin.Message, terminal bool) string {
	open, shut := "«", "»"
	if terminal {
		open, shut = "\x1b[35m", "\x1b[0m"
	}
	var b strings.Builder
	at := 0
	for _, s := range m.Hidden {
		if s.Start < at || s.End > len(m.Data) {
			continue
		}
		b.WriteString(printable(m.Data[at:s.Start]) + open + printable(m.Data[s.Start:s.End]) + shut)
		at = s.End
	}
	b.WriteString(printable(m.Data[at:]))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// printable keeps what a peer sent from steering the terminal.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0):
			return r
		}
		return '\uFFFD'
	}, string(b))
}

func colourful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// columns is how wide a terminal is, 110 for anything else.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col >= 60 {
			return int(size.Col)
		}
	}
	return 110
}
