package diameter

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/sm/smparser"

	"github.com/bifrons/bifrons/diameter/dict"
)

// HandshakeError is a capabilities exchange that ended with another code than 2001.
type HandshakeError struct {
	Code    ResultCode
	Peer    string
	Message string
}

// Error implements error.
func (h *HandshakeError) Error() string {
	s := "capabilities refused by " + h.Peer + ": " + h.Code.String()
	if h.Message != "" {
		s += ": " + h.Message
	}
	return s
}

// initiate sends the CER and reads the CEA. The caller bounds it by closing the connection.
func (e *Endpoint) initiate(g *guard, cfg PeerConfig) (*capabilities, error) {
	m := e.baseRequest(dict.CapabilitiesExchange)
	e.addCapabilities(m, g.LocalAddr())
	raw, err := serialize(m)
	if err != nil {
		return nil, err
	}
	if _, err := g.Conn.Write(raw); err != nil {
		return nil, fmt.Errorf("send CER: %w", err)
	}
	var a *diam.Message
	for a == nil {
		if a, err = g.message(e.dict.Parser()); err != nil {
			return nil, fmt.Errorf("read CEA: %w", err)
		}
		if a.Header.CommandCode != dict.CapabilitiesExchange || a.Header.CommandFlags&flagRequest != 0 ||
			a.Header.HopByHopID != m.Header.HopByHopID {
			a = nil // RFC 6733 5.6: nothing else is processed before the exchange
		}
	}
	cea := new(smparser.CEA)
	if err := cea.Parse(a, smparser.Client); err != nil {
		if failed := new(smparser.ErrFailedResultCode); errors.As(err, &failed) {
			return nil, &HandshakeError{ResultCode(cea.ResultCode), string(cea.OriginHost), cea.ErrorMessage}
		}
		return nil, fmt.Errorf("read CEA: %w", err)
	}
	caps := &capabilities{
		host: string(cea.OriginHost), realm: string(cea.OriginRealm), realms: cfg.Realms,
		apps: cea.Applications(), relay: isRelay(cea.Applications()), stateID: cea.OriginStateID,
	}
	if cfg.Host != "" && !strings.EqualFold(cfg.Host, caps.host) {
		return nil, fmt.Errorf("peer at %s calls itself %s, not %s", cfg.Address, caps.host, cfg.Host)
	}
	return caps, nil
}

// respond reads the CER of a connection that was accepted and answers it.
func (e *Endpoint) respond(g *guard) (*capabilities, error) {
	m, err := g.message(e.dict.Parser())
	if err != nil {
		return nil, fmt.Errorf("read CER: %w", err)
	}
	if m.Header.CommandCode != dict.CapabilitiesExchange || m.Header.CommandFlags&flagRequest == 0 {
		// RFC 6733 5.6: the first message must be a CER; without one the transport is closed.
		return nil, errors.New("first message is not a CER")
	}
	cer := new(smparser.CER)
	_, err = cer.Parse(m, smparser.Server)
	code, why := Success, ""
	switch {
	case errors.Is(err, smparser.ErrNoCommonApplication):
		code = NoCommonApplication
	case errors.Is(err, smparser.ErrNoCommonSecurity):
		code = NoCommonSecurity
	case err != nil:
		code, why = MissingAVP, err.Error()
	case !e.admits(string(cer.OriginHost)):
		code = UnknownPeer
	case certificateOf(g.Conn, string(cer.OriginHost)) != nil:
		code, why = UnknownPeer, "certificate does not name the origin host"
	}
	if err := e.sendCapabilities(g, m, code, why); err != nil {
		return nil, err
	}
	if code != Success {
		return nil, &HandshakeError{code, string(cer.OriginHost), why}
	}
	caps := &capabilities{
		host: string(cer.OriginHost), realm: string(cer.OriginRealm),
		apps: cer.Applications(), relay: isRelay(cer.Applications()),
	}
	caps.stateID, _ = Number(m.AVP, 0, dict.OriginStateID)
	return caps, nil
}

func (e *Endpoint) sendCapabilities(g *guard, m *diam.Message, code ResultCode, why string) error {
	raw, err := serialize(e.capabilitiesAnswer(m, code, g.LocalAddr(), why))
	if err != nil {
		return err
	}
	if err := g.SetWriteDeadline(time.Now().Add(e.cfg.WriteTimeout)); err != nil {
		return err
	}
	if _, err := g.Conn.Write(raw); err != nil {
		return fmt.Errorf("send CEA: %w", err)
	}
	return nil
}

// certificateOf checks that a TLS client which showed a certificate is the host it says it is.
func certificateOf(c net.Conn, host string) error {
	t, ok := c.(*tls.Conn)
	if !ok {
		return nil
	}
	certs := t.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return nil
	}
	return certs[0].VerifyHostname(host)
}

// baseRequest returns a request between neighbours: application 0, no P bit.
func (e *Endpoint) baseRequest(command uint32) *diam.Message {
	m := diam.NewMessage(command, diam.RequestFlag, dict.Base, e.ids.end.Add(1)|1, e.ids.end.Add(1), e.dict.Parser())
	m.AVP = append(m.AVP, e.origin...)
	return m
}

func (e *Endpoint) watchdogRequest() *diam.Message {
	m := e.baseRequest(dict.DeviceWatchdog)
	Add(m, dict.OriginStateID, datatype.Unsigned32(e.stateID))
	return m
}

// baseAnswer answers a request between neighbours.
func (e *Endpoint) baseAnswer(m *diam.Message, code ResultCode, state bool) *diam.Message {
	a := answerHeader(m, code)
	Add(a, dict.ResultCode, datatype.Unsigned32(code))
	a.AVP = append(a.AVP, e.origin...)
	if state {
		Add(a, dict.OriginStateID, datatype.Unsigned32(e.stateID))
	}
	return a
}

func (e *Endpoint) capabilitiesAnswer(m *diam.Message, code ResultCode, local net.Addr, why string) *diam.Message {
	a := e.baseAnswer(m, code, false)
	e.addCapabilities(a, local)
	if why != "" {
		a.AVP = append(a.AVP, diam.NewAVP(dict.ErrorMessage, 0, 0, datatype.UTF8String(why)))
	}
	return a
}

// addCapabilities appends what CER and CEA share (RFC 6733 5.3).
func (e *Endpoint) addCapabilities(m *diam.Message, local net.Addr) {
	addresses := e.cfg.HostAddresses
	if len(addresses) == 0 {
		addresses = []netip.Addr{hostAddress(local)}
	}
	for _, a := range addresses {
		Add(m, dict.HostIPAddress, addressAVP(a))
	}
	Add(m, dict.VendorID, datatype.Unsigned32(0))
	m.AVP = append(m.AVP, diam.NewAVP(dict.ProductName, 0, 0, datatype.UTF8String(e.cfg.Product)))
	Add(m, dict.OriginStateID, datatype.Unsigned32(e.stateID))
	told := make(map[uint32]bool)
	for _, app := range e.cfg.Applications {
		if app.Vendor != 0 && !told[app.Vendor] {
			told[app.Vendor] = true
			Add(m, dict.SupportedVendorID, datatype.Unsigned32(app.Vendor))
		}
	}
	for _, app := range e.cfg.Applications {
		if app.Vendor != 0 {
			m.AVP = append(m.AVP, vendorApplication(app))
		} else {
			Add(m, dict.AuthApplicationID, datatype.Unsigned32(app.ID))
		}
	}
	Add(m, dict.InbandSecurityID, datatype.Unsigned32(0))
}

func hostAddress(a net.Addr) netip.Addr {
	if a != nil {
		if ap, err := netip.ParseAddrPort(a.String()); err == nil {
			return ap.Addr().Unmap()
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// addressAVP encodes the type Address of RFC 6733 4.3.1: the family, then the address.
func addressAVP(a netip.Addr) datatype.OctetString {
	b := []byte{0, 1}
	if a.Is6() {
		b[1] = 2
	}
	return datatype.OctetString(append(b, a.AsSlice()...))
}
