package main

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ngCalls speaks as much of rtpengine's ng protocol (cookie, bencode, UDP) as offer, answer and delete need.
type ngCalls struct {
	options
	conn *net.UDPConn
	n    int
	made int
}

func newNG(o options) (*ngCalls, error) {
	a, err := net.ResolveUDPAddr("udp", o.rtpengine)
	if err != nil {
		return nil, err
	}
	c, err := net.DialUDP("udp", nil, a)
	if err != nil {
		return nil, err
	}
	return &ngCalls{options: o, conn: c}, nil
}

// bencode writes a dictionary of strings and lists of strings.
func bencode(m map[string]any) string {
	var b strings.Builder
	b.WriteByte('d')
	str := func(s string) { fmt.Fprintf(&b, "%d:%s", len(s), s) }
	for _, k := range slices.Sorted(maps.Keys(m)) {
		str(k)
		switch v := m[k].(type) {
		case string:
			str(v)
		case []string:
			b.WriteByte('l')
			for _, s := range v {
				str(s)
			}
			b.WriteByte('e')
		}
	}
	b.WriteByte('e')
	return b.String()
}

// do asks, three times at most.
func (c *ngCalls) do(m map[string]any) (string, error) {
	c.n++
	cookie := fmt.Sprintf("%d_%d", time.Now().UnixNano(), c.n)
	buf := make([]byte, 65536)
	for range 3 {
		if _, err := c.conn.Write([]byte(cookie + " " + bencode(m))); err != nil {
			return "", err
		}
		c.conn.SetReadDeadline(time.Now().Add(time.Second))
		for {
			n, err := c.conn.Read(buf)
			if err != nil {
				break
			}
			if r, ok := strings.CutPrefix(string(buf[:n]), cookie+" "); ok {
				if !strings.Contains(r, "6:result2:ok") {
					return r, fmt.Errorf("rtpengine: %s", r)
				}
				return r, nil
			}
		}
	}
	return "", fmt.Errorf("rtpengine at %s does not answer", c.rtpengine)
}

func (c *ngCalls) call(i int) ([2]int, error) {
	c.made = i + 1
	m := map[string]any{"call-id": fmt.Sprintf("bench%d", i), "from-tag": "a", "ICE": "remove", "replace": []string{"origin", "session-connection"}}
	m["command"], m["sdp"] = "offer", sdp(c.ip, c.aBase+2*i)
	offered, err := c.do(m)
	if err != nil {
		return [2]int{}, err
	}
	m["command"], m["to-tag"], m["sdp"] = "answer", "b", sdp(c.ip, c.bBase+2*i)
	answered, err := c.do(m)
	return [2]int{audioPort(answered), audioPort(offered)}, err
}

func (c *ngCalls) hangUp() {
	for i := range c.made {
		c.do(map[string]any{"command": "delete", "call-id": fmt.Sprintf("bench%d", i), "from-tag": "a"})
	}
	c.conn.Close()
}

var mLine = regexp.MustCompile(`m=audio (\d+)`)

// audioPort is 0 when there is none.
func audioPort(text string) int {
	m := mLine.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	p, _ := strconv.Atoi(m[1])
	return p
}

func sdp(ip string, port int) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n", ip, ip, port)
}
