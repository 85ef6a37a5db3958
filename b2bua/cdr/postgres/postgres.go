package postgres

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bifrons/bifrons/b2bua/cdr"
)

//go:embed schema.sql
var schema string

// Schema returns the SQL that makes the tables; a Store runs it when it connects.
func Schema() string { return schema }

// patience is how long the database may take for one thing.
const patience = 10 * time.Second

// Store writes to the tables of Schema. It connects when it is first used, and again after a failure; then it ends the calls
// that the node of this name left open, with the cause node-failure and the time the node was last seen.
type Store struct {
	cfg     *pgx.ConnConfig
	node    string
	conn    *pgx.Conn
	adopted bool
}

// New reads a connection string (URI or key=value words, as libpq takes it); node names this server among those that share
// the tables. It connects to nothing yet.
func New(connection, node string) (*Store, error) {
	cfg, err := pgx.ParseConfig(connection)
	if err != nil {
		return nil, fmt.Errorf("read connection string: %w", err)
	}
	if cfg.ConnectTimeout == 0 || cfg.ConnectTimeout > patience {
		cfg.ConnectTimeout = patience
	}
	return &Store{cfg: cfg, node: node}, nil
}

// connect makes the connection and the tables, and ends orphans once.
func (s *Store) connect(ctx context.Context) error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, s.cfg)
	if err != nil {
		return err
	}
	if err = s.prepare(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return err
	}
	s.conn, s.adopted = conn, true
	return nil
}

// orphans is the SQL that ends what a node left open.
const orphans = `UPDATE calls SET ended = greatest(answered, coalesce((SELECT seen FROM call_nodes n WHERE n.node = calls.node), now())),
	duration = extract(epoch FROM greatest(answered, coalesce((SELECT seen FROM call_nodes n WHERE n.node = calls.node), now())) - answered),
	status = 500, ended_by = 'bifrons', cause = '` + cdr.NodeFailure + `', evidence = 'the node that had it did not write its end'
	WHERE node = $1 AND ended IS NULL`

func (s *Store) prepare(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('calls') IS NOT NULL AND to_regclass('call_nodes') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	if !there { // a role that may not make tables needs none made
		if _, err := conn.Exec(ctx, schema); err != nil {
			return fmt.Errorf("make tables: %w", err)
		}
	}
	if s.adopted { // the calls that are open now are ours
		return nil
	}
	if _, err := conn.Exec(ctx, orphans, s.node); err != nil {
		return fmt.Errorf("close orphans: %w", err)
	}
	return nil
}

// insert is the SQL of one record; what is complete is not changed any more.
const insert = `INSERT INTO calls AS c (call, node, icid, caller, callee, started, ringing, answered, ended, duration, status, ended_by, cause, evidence, legs)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
	ON CONFLICT (call, started) DO UPDATE SET ringing = excluded.ringing, answered = excluded.answered, ended = excluded.ended, duration = excluded.duration,
	status = excluded.status, ended_by = excluded.ended_by, cause = excluded.cause, evidence = excluded.evidence, legs = excluded.legs
	WHERE c.ended IS NULL`

// Commit writes a group in one transaction. A record that the database can never take is refused alone.
func (s *Store) Commit(group []cdr.Record) (refused int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return 0, err
	}
	if err = s.write(ctx, group); err == nil || !hopeless(err) {
		return 0, s.gaveUp(err)
	}
	for i := range group {
		switch err := s.write(ctx, group[i:i+1]); {
		case hopeless(err):
			refused++
		case err != nil:
			return 0, s.gaveUp(err)
		}
	}
	return refused, nil
}

// gaveUp drops a connection that failed, so that the next Commit makes another.
func (s *Store) gaveUp(err error) error {
	if err != nil && s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.conn.Close(ctx)
		s.conn = nil
	}
	return err
}

func (s *Store) write(ctx context.Context, group []cdr.Record) error {
	b := &pgx.Batch{}
	for i := range group {
		r := &group[i]
		legs, err := json.Marshal(r.Legs)
		if err != nil {
			legs = []byte("[]")
		}
		b.Queue(insert, int64(r.Call), s.node, clean(r.ICID), clean(r.From), clean(r.To), r.Start, moment(r.Ringing), moment(r.Answer), moment(r.End),
			r.Duration, r.Status, r.By, clean(r.Cause), clean(r.Evidence), strings.ReplaceAll(clean(string(legs)), `\u0000`, ""))
	}
	return s.conn.SendBatch(ctx, b).Close() // one implicit transaction
}

// hopeless tells an error that comes back however often the same record is offered: class 22, data exception, and 23,
// integrity constraint (PostgreSQL, appendix A).
func hopeless(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23"))
}

// clean makes text of what a party sent: PostgreSQL takes neither broken UTF-8 nor NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Alive notes that the node lives.
func (s *Store) Alive(now time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return err
	}
	_, err := s.conn.Exec(ctx, "INSERT INTO call_nodes (node, seen) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET seen = excluded.seen", s.node, now)
	return s.gaveUp(err)
}

// Close ends the connection.
func (s *Store) Close() error {
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}
