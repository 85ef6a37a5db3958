package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bifrons/bifrons/b2bua/cdr"
	"github.com/bifrons/bifrons/media"
)

// database is a PostgreSQL of its own, as nobody here wrote it.
type database struct {
	t    *testing.T
	ctl  string
	dir  string
	port int
	as   []string // how another user runs something: PostgreSQL refuses root
}

func newDatabase(t *testing.T) *database {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		t.Skip("no PostgreSQL here: install Debian's postgresql")
	}
	d := &database{t: t, ctl: found[len(found)-1], port: freePort(t)}
	var err error
	if d.dir, err = os.MkdirTemp("", "bifrons-pg-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d.dir) })
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("root here, and no user postgres")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(d.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		d.as = []string{"setpriv", "--reuid", u.Uid, "--regid", u.Gid, "--clear-groups"}
	}
	d.run(filepath.Join(filepath.Dir(d.ctl), "initdb"), "-D", d.dir+"/data", "-A", "trust", "-U", "bifrons", "--no-sync")
	d.start()
	t.Cleanup(func() { d.stop() })
	return d
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (d *database) run(args ...string) {
	d.t.Helper()
	args = append(append([]string{}, d.as...), args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = d.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func (d *database) start() {
	d.run(d.ctl, "-D", d.dir+"/data", "-w", "-l", d.dir+"/log", "-o",
		fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=16MB", d.port, d.dir), "start")
}

func (d *database) stop() { d.run(d.ctl, "-D", d.dir+"/data", "-m", "immediate", "-w", "stop") }

func (d *database) url() string {
	return fmt.Sprintf("postgres://bifrons@127.0.0.1:%d/postgres?sslmode=disable", d.port)
}

// row is a call as the table has it.
func (d *database) row(call uint64) (by, cause, legs string, duration float64, ended bool) {
	d.t.Helper()
	c, err := pgx.Connect(context.Background(), d.url())
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	err = c.QueryRow(context.Background(), "SELECT ended_by, cause, legs::text, duration, ended IS NOT NULL FROM calls WHERE call = $1", int64(call)).
		Scan(&by, &cause, &legs, &duration, &ended)
	if err != nil {
		d.t.Fatalf("call %d: %v", call, err)
	}
	return by, cause, legs, duration, ended
}

func (d *database) exec(sql string) {
	d.t.Helper()
	c, err := pgx.Connect(context.Background(), d.url())
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.Exec(context.Background(), sql); err != nil {
		d.t.Fatal(err)
	}
}

func (d *database) store(node string) *Store {
	d.t.Helper()
	s, err := New(d.url(), node)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = s.Close() })
	return s
}

func commit(t *testing.T, s *Store, group ...cdr.Record) {
	t.Helper()
	if n, err := s.Commit(group); err != nil || n != 0 {
		t.Fatalf("refused %d: %v", n, err)
	}
}

// TestRealServer: a call is one row, from its answer to its end; what a party sent cannot break it; a database that goes and
// comes loses nothing; a node that comes back ends the calls it left, and no other node's.
func TestRealServer(t *testing.T) {
	d := newDatabase(t)
	s := d.store("west")
	at := time.Now().Add(-time.Minute).Truncate(time.Second)
	start := func(id uint64) cdr.Record {
		return cdr.Record{Kind: cdr.Start, Call: id, From: "<sip:a@x>", To: "<sip:b@x>", Start: at, Answer: at, Status: 200, Legs: []cdr.Leg{{Side: "core", CallID: "c"}}}
	}
	stop := func(id uint64) cdr.Record {
		r := start(id)
		r.Kind, r.End, r.Duration, r.By, r.Cause = cdr.Stop, at.Add(5*time.Second), 5, "callee", "BYE"
		r.Legs[0].Media = []media.Stats{{}}
		return r
	}
	odd := cdr.Record{Kind: cdr.Attempt, Call: 3, From: "\xff\xfe\x00", To: `<sip:"\u0000'; DROP TABLE calls; --@x>`, Start: at, End: at, Status: 486, Legs: []cdr.Leg{{CallID: "\x00\xff"}}}
	commit(t, s, start(1), start(2), odd)
	commit(t, s, stop(1), stop(1), start(1)) // offered again, late
	if by, cause, legs, duration, ended := d.row(1); by != "callee" || cause != "BYE" || duration != 5 || !ended || !strings.Contains(legs, "media") {
		t.Errorf("call 1: %s %s %v %v %s", by, cause, duration, ended, legs)
	}
	if _, _, _, _, ended := d.row(2); ended {
		t.Error("call 2 has ended")
	}

	d.stop()
	if _, err := s.Commit([]cdr.Record{stop(4)}); err == nil {
		t.Error("a database that is gone takes records")
	}
	d.start()
	commit(t, s, stop(4), start(5))
	if err := s.Alive(at.Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, _, _, ended := d.row(5); ended {
		t.Error("a new connection ends our own calls")
	}
	east := d.store("east")
	commit(t, east, start(6))

	commit(t, d.store("west")) // an empty group connects, and no more
	if _, cause, _, duration, ended := d.row(5); !ended || cause != cdr.NodeFailure || duration != 30 {
		t.Errorf("orphan: %s, %v s, ended %v", cause, duration, ended)
	}
	if _, _, _, _, ended := d.row(6); ended {
		t.Error("the other node's call was ended")
	}
	d.exec("ALTER TABLE calls ADD CHECK (status <> 499)") // as an owner may
	if n, err := s.Commit([]cdr.Record{stop(7), {Call: 9, Start: at, Status: 499}, stop(8)}); n != 1 || err != nil {
		t.Errorf("a record the database refuses: refused %d, %v", n, err)
	}
	if _, _, _, _, ended := d.row(8); !ended {
		t.Error("it took others with it")
	}
}

// TestConnectionString: a mistake is told when it is read.
func TestConnectionString(t *testing.T) {
	if _, err := New("postgres://%zz", "n"); err == nil {
		t.Error("taken")
	}
}
