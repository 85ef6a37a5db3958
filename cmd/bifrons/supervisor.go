package main

import (
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// supervisor tells systemd how the server does (sd_notify(3)); without one it tells nobody.
type supervisor struct {
	conn  net.Conn
	every time.Duration // within which a sign of life is due; 0 is never
	stop  chan struct{}
	done  sync.WaitGroup
	log   *slog.Logger
}

// newSupervisor looks who wants to know.
func newSupervisor(log *slog.Logger) *supervisor {
	s := &supervisor{stop: make(chan struct{}), log: log}
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return s
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:] // an abstract socket (unix(7))
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		log.Warn("the supervisor is not told", "error", err)
		return s
	}
	s.conn = conn
	usec, _ := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.every = time.Duration(usec) * time.Microsecond
	}
	return s
}

func (s *supervisor) tell(lines ...string) {
	if s.conn == nil {
		return
	}
	if _, err := s.conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		s.log.Debug("the supervisor was not told", "error", err)
	}
}

// ready tells that the server serves, and from now on that it is alive, as long as the time since its clock last turned is
// shorter than what the watchdog allows.
func (s *supervisor) ready(status string, since func() time.Duration) {
	s.tell("READY=1", "STATUS="+status)
	if s.every == 0 || s.conn == nil {
		return
	}
	s.done.Go(func() {
		tick := time.NewTicker(s.every / 3)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				if since() < s.every {
					s.tell("WATCHDOG=1")
				}
			}
		}
	})
}

// stopping tells that no new work is taken; the signs of life go on until close.
func (s *supervisor) stopping(status string) { s.tell("STOPPING=1", "STATUS="+status) }

func (s *supervisor) close() {
	close(s.stop)
	s.done.Wait()
	if s.conn != nil {
		_ = s.conn.Close()
	}
}
