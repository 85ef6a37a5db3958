package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/ims"
	"github.com/bifrons/bifrons/services"
	"github.com/bifrons/bifrons/sip"
)

// explainer says which chain a request on a side would get.
type explainer struct {
	as    *ims.AS
	apps  map[string]b2bua.Link
	sides []*b2bua.Side
}

// explain asks for a side by name; "" is the first one behind an S-CSCF.
func (e *explainer) explain(ctx context.Context, side string, m *sip.Message) (ims.Explanation, error) {
	i := slices.IndexFunc(e.sides, func(s *b2bua.Side) bool {
		return side == "" && len(s.Apps) > 0 && s.Apps[0] == e.as.Name() || s.Name == side
	})
	if i < 0 && side == "" {
		return ims.Explanation{}, errors.New("no side has `apps: [ims]`; name one")
	} else if i < 0 {
		return ims.Explanation{}, fmt.Errorf("no side is named %s", side)
	}
	s := e.sides[i]
	var x ims.Explanation
	if len(s.Apps) > 0 && s.Apps[0] == e.as.Name() {
		x = e.as.Explain(ctx, m, s.Entry(m))
	} else {
		ses := e.as.Session(m, s.Entry(m))
		x = ims.Explanation{User: ses.User, Case: ses.Case.String(), Why: append(ses.Why, "side "+s.Name+" has one chain for all calls"), Chain: "of side " + s.Name, Apps: s.Apps}
	}
	named := make([]string, len(x.Apps))
	for i, a := range x.Apps {
		named[i] = a + "@" + e.apps[a].Version
	}
	x.Apps = named
	return x, nil
}

// offline makes an explainer of a configuration, without a server. Sources that need a connection are asked, too.
func offline(cfg *configs.Config) (*explainer, func(), error) {
	users, err := startSubscribers(cfg, prometheus.NewRegistry(), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		users.close()
		return nil, nil, err
	}
	e := &explainer{as: ims.NewAS(cfg.IMS, users.source())}
	e.apps = services.Apps(services.Deps{Subscribers: users.source(), AS: e.as})
	for i := range cfg.Sides {
		s := coreSide(&cfg.Sides[i])
		for _, l := range cfg.Sides[i].Listen {
			s.Locals = append(s.Locals, &b2bua.Local{Addr: l.Addr, Advertise: advertised(cfg.Sides[i].Advertise, l.Addr), Transport: transports[l.Network]})
		}
		e.sides = append(e.sides, s)
	}
	return e, users.close, nil
}

// asked is the request that the command line describes.
type asked struct {
	method, uri, served, asserted, route string
	headers                              []string
}

// message makes it, or takes it from a file.
func (a *asked) message(args []string, in io.Reader) ([]byte, error) {
	if len(args) == 1 {
		if args[0] == "-" {
			return io.ReadAll(in)
		}
		return os.ReadFile(args[0])
	}
	if a.uri == "" {
		return nil, usageError{errors.New("ctl explain needs a file with a request, or --to URI")}
	}
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP explain.invalid;branch=z9hG4bK-explain\r\nFrom: <sip:explain@invalid>;tag=1\r\nTo: <%s>\r\n"+
		"Call-ID: explain\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\nContact: <sip:explain.invalid>\r\n", a.method, a.uri, a.uri, a.method)
	for _, h := range [...][2]string{{"Route", a.route}, {"P-Served-User", a.served}, {"P-Asserted-Identity", a.asserted}} {
		if h[1] != "" {
			fmt.Fprintf(b, "%s: %s\r\n", h[0], h[1])
		}
	}
	for _, h := range a.headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.Bytes(), nil
}

func explainCommand(at *string, raw *bool) *cobra.Command {
	a := asked{}
	var file, side string
	cmd := &cobra.Command{
		Use:   "explain [FILE | --to URI]",
		Short: "Which chain of applications a request would get, and why",
		Long: `Says for whom, and in which session case, a request would be served, which chain of applications it would get, and why
not the others. The request is a file (- is standard input), or what the flags say. It is asked of the running server, or with
--config of a configuration, and then no server need run. Nothing is sent to anybody but the sources of subscribers.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := a.message(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			var x ims.Explanation
			if file != "" {
				x, err = explainOffline(cmd.Context(), file, side, text)
			} else {
				err = explainOnline(cmd.Context(), base(*at)+"/v1/explain?side="+url.QueryEscape(side), text, &x)
			}
			if err != nil {
				return err
			}
			if *raw {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(x)
			}
			return x.WriteText(cmd.OutOrStdout())
		}}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", "", "a configuration file, instead of a running server")
	f.StringVar(&side, "side", "", "where the request comes in; the first side with apps: [ims]")
	f.StringVar(&a.method, "method", "INVITE", "its method")
	f.StringVar(&a.uri, "to", "", "its Request-URI")
	f.StringVar(&a.served, "served", "", "its P-Served-User, such as '<sip:bob@ims.example>;sescase=term;regstate=unreg'")
	f.StringVar(&a.asserted, "asserted", "", "its P-Asserted-Identity")
	f.StringVar(&a.route, "route", "", "its Route")
	f.StringArrayVar(&a.headers, "header", nil, "another header line")
	return cmd
}

func explainOffline(ctx context.Context, file, side string, text []byte) (ims.Explanation, error) {
	cfg, err := configs.Load(file, known())
	if err != nil {
		return ims.Explanation{}, err
	}
	e, end, err := offline(cfg)
	if err != nil {
		return ims.Explanation{}, err
	}
	defer end()
	m, err := requestOf(text)
	if err != nil {
		return ims.Explanation{}, err
	}
	return e.explain(ctx, side, m)
}

// requestOf parses a request that may have been written by hand: with plain line ends, and without a length.
func requestOf(text []byte) (*sip.Message, error) {
	if !bytes.Contains(text, []byte("\r\n")) {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	if !bytes.Contains(text, []byte("\r\n\r\n")) {
		text = append(bytes.TrimRight(text, "\r\n"), "\r\n\r\n"...)
	}
	m := new(sip.Message)
	if err := m.Parse(text); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if !m.IsRequest() {
		return nil, errors.New("read the request: this is a response")
	}
	return m, nil
}

func explainOnline(ctx context.Context, at string, text []byte, x *ims.Explanation) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(text))
	if err != nil {
		return err
	}
	res, err := clientOf(ctx).Do(req)
	if err != nil {
		return fmt.Errorf("%w; is a server running there? --admin says where to ask, --config needs none", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return json.Unmarshal(body, x)
}

// ServeHTTP answers POST /v1/explain.
func (e *explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m, err := requestOf(text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	x, err := e.explain(r.Context(), r.URL.Query().Get("side"), m)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(x)
}
