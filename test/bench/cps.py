#!/usr/bin/env python3
"""SIP call-rate benchmark: sipp UAC -> server under test -> sipp UAS, UDP on loopback.

  cps.py rate --server 127.0.0.1:5060 --pid PID [--pid PID ...] --rates 100,200,400 [--secs 20]
  cps.py mem  --server 127.0.0.1:5060 --pid PID --calls 3000 [--setup 400] [--hold 15]

The server must send the calls it gets to --uas (default 127.0.0.1:5090).
CPU is user+sys of the given pids and of all their descendants (/proc/PID/stat), over
the whole run, so it counts the server only, whatever else the machine does.
One JSON line per run goes to --json (appended); a table goes to stdout.
"""
import argparse
import csv
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TCK = os.sysconf('SC_CLK_TCK')


def procs(roots):
    kids = {}
    for p in glob.glob('/proc/[0-9]*/stat'):
        try:
            s = open(p).read()
        except OSError:
            continue
        f = s[s.rindex(')') + 2:].split()
        kids.setdefault(int(f[1]), []).append(int(s.split(' ', 1)[0]))
    out, todo = [], list(roots)
    while todo:
        p = todo.pop()
        if p not in out:
            out.append(p)
            todo += kids.get(p, [])
    return out


def cpu(roots):
    u = s = 0
    for p in procs(roots):
        try:
            t = open('/proc/%d/stat' % p).read()
        except OSError:
            continue
        f = t[t.rindex(')') + 2:].split()
        u += int(f[11])
        s += int(f[12])
    return u / TCK, s / TCK


def mem(roots):
    rss = pss = 0
    for p in procs(roots):
        try:
            for l in open('/proc/%d/smaps_rollup' % p):
                if l.startswith('Rss:'):
                    rss += int(l.split()[1])
                elif l.startswith('Pss:'):
                    pss += int(l.split()[1])
        except OSError:
            pass
    return {'rss_kb': rss, 'pss_kb': pss}


def machine():
    f = [int(x) for x in open('/proc/stat').readline().split()[1:9]]
    return sum(f) / TCK, (f[3] + f[4]) / TCK


def udp_drops():
    l = [x.split() for x in open('/proc/net/snmp') if x.startswith('Udp:')]
    d = dict(zip(l[0], l[1]))
    return int(d['InErrors'])


def stat(path):
    try:
        rows = list(csv.DictReader(open(path), delimiter=';'))
    except OSError:
        return {}
    return rows[-1] if rows else {}


def num(r, k):
    try:
        return int(r.get(k, 0) or 0)
    except ValueError:
        return 0


def mp(addr):
    # sipp binds media ports even without media: keep parallel runs apart
    return str(20000 + int(addr.rsplit(':', 1)[1]) * 8 % 20000)


class Run:
    def __init__(self, a, rate, calls, hold_ms, limit_s):
        self.a, self.dir = a, tempfile.mkdtemp(prefix='cps')
        common = ['-nostdin', '-trace_stat', '-fd', '1', '-i', None, '-p', None,
                  '-buff_size', '4194304', '-max_socket', '60000', '-t', 'u1'] + (['-trace_err'] if a.keep else [])
        def cmd(scen, addr, stf, extra):
            ip, port = addr.rsplit(':', 1)
            c = list(common)
            c[c.index('-i') + 1], c[c.index('-p') + 1] = ip, port
            return ['sipp', '-sf', os.path.join(HERE, 'sipp', scen), '-stf', os.path.join(self.dir, stf)] + c + extra
        dn = subprocess.DEVNULL
        self.uas = subprocess.Popen(cmd(a.uas_scenario, a.uas, 'uas.csv', ['-mp', mp(a.uas)]), cwd=self.dir, stdout=dn, stderr=dn)
        time.sleep(0.5)
        self.t0 = time.time()
        self.limit = limit_s
        self.uac = subprocess.Popen(cmd(a.uac_scenario, a.uac, 'uac.csv', [
            '-mp', mp(a.uac), '-r', str(rate), '-m', str(calls), '-l', '1000000', '-d', str(hold_ms),
            '-timeout', '%ds' % limit_s, '-timeout_error', a.server]), cwd=self.dir, stdout=dn, stderr=dn)

    def wait(self):
        try:
            self.uac.wait(self.limit + 15)
        except subprocess.TimeoutExpired:
            self.uac.kill()
            self.uac.wait()
        self.wall = time.time() - self.t0

    def close(self):
        time.sleep(1.2)
        self.uas.terminate()
        try:
            self.uas.wait(3)
        except subprocess.TimeoutExpired:
            self.uas.kill()
            self.uas.wait()
        c, s = stat(self.dir + '/uac.csv'), stat(self.dir + '/uas.csv')
        if not num(c, 'TotalCallCreated'):
            sys.exit('sipp made no call: is %s or %s taken? (--keep keeps its files)' % (self.a.uac, self.a.uas))
        if self.a.keep:
            print('sipp files in', self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        return {'created': num(c, 'TotalCallCreated'), 'ok': num(c, 'SuccessfulCall(C)'),
                'failed': num(c, 'FailedCall(C)'), 'retrans_uac': num(c, 'Retransmissions(C)'),
                'retrans_uas': num(s, 'Retransmissions(C)'), 'uas_failed': num(s, 'FailedCall(C)'),
                'setup_time': c.get('ResponseTime1(C)', '')}


def emit(a, r):
    if a.part:
        r['part'] = a.part
    if a.json:
        with open(a.json, 'a') as f:
            f.write(json.dumps(r) + '\n')


def rates(a):
    print('%-14s %6s %7s %7s %6s %7s %9s %7s %7s %6s %6s %s' % (
        'server', 'cps', 'calls', 'ok', 'fail', 'retr%', 'cpu ms/c', 'user', 'sys', 'core%', 'busy%', 'setup(uac)'))
    for rate in [int(x) for x in a.rates.split(',')]:
        calls = int(rate * a.secs)
        c0, m0, d0 = cpu(a.pid), machine(), udp_drops()
        r = Run(a, rate, calls, int(a.hold * 1000), int(a.secs + a.hold + a.grace))
        r.wait()
        c1, m1, d1 = cpu(a.pid), machine(), udp_drops()
        res = r.close()
        u, s = c1[0] - c0[0], c1[1] - c0[1]
        n = max(res['ok'], 1)
        msgs = 9 * max(res['created'], 1)     # messages sipp sends per call: 3+3 new ones, 9 with the answers
        res.update(name=a.name, rate=rate, wall=round(r.wall, 2), user_s=round(u, 2), sys_s=round(s, 2),
                   cpu_ms_per_call=round((u + s) * 1000 / n, 4), core_pct=round(100 * (u + s) / r.wall, 1),
                   machine_busy_pct=round(100 * (1 - (m1[1] - m0[1]) / max(m1[0] - m0[0], .01)), 1),
                   udp_in_errors=d1 - d0, when=time.strftime('%F %T'))
        res['retrans_pct'] = round(100 * (res['retrans_uac'] + res['retrans_uas']) / msgs, 3)
        res.update(mem(a.pid))
        emit(a, res)
        print('%-14s %6d %7d %7d %6d %7.3f %9.3f %7.2f %7.2f %6.1f %6.1f %s' % (
            a.name, rate, res['created'], res['ok'], res['failed'], res['retrans_pct'], res['cpu_ms_per_call'],
            u, s, res['core_pct'], res['machine_busy_pct'], res['setup_time']), flush=True)
        if a.stop and (res['failed'] > 0.02 * calls or res['ok'] < 0.9 * calls):
            break
        time.sleep(a.gap)


def memory(a):
    b = mem(a.pid)
    c0 = cpu(a.pid)
    up = a.calls / a.setup
    r = Run(a, a.setup, a.calls, int((up + a.hold) * 1000), int(2 * up + a.hold + a.grace))
    peak = 0
    while time.time() - r.t0 < up + a.hold - 2:
        time.sleep(1)
        peak = max(peak, mem(a.pid)['pss_kb'])
    h = mem(a.pid)
    r.wait()
    res = r.close()
    c1 = cpu(a.pid)
    after = mem(a.pid)
    res.update(name=a.name, mem_calls=a.calls, before=b, held=h, after=after, peak_pss_kb=peak,
               kb_per_call_pss=round((h['pss_kb'] - b['pss_kb']) / a.calls, 2),
               kb_per_call_peak=round((max(peak, h['pss_kb']) - b['pss_kb']) / a.calls, 2),
               cpu_ms_per_call=round(1000 * (sum(c1) - sum(c0)) / max(res['ok'], 1), 3))
    emit(a, res)
    print('%-14s %d held: ok %d fail %d | before pss %.1f MB, held %.1f MB, peak %.1f MB | %.2f KB/call held, %.2f peak' % (
        a.name, a.calls, res['ok'], res['failed'], b['pss_kb'] / 1024, h['pss_kb'] / 1024, peak / 1024,
        res['kb_per_call_pss'], res['kb_per_call_peak']), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('mode', choices=['rate', 'mem'])
    p.add_argument('--server', required=True)
    p.add_argument('--pid', type=int, action='append', required=True)
    p.add_argument('--name', default='server')
    p.add_argument('--uas', default='127.0.0.1:5090')
    p.add_argument('--uac', default='127.0.0.1:5080')
    p.add_argument('--uas-scenario', default='uas.xml')
    p.add_argument('--uac-scenario', default='uac.xml')
    p.add_argument('--rates', default='100,200,400,800')
    p.add_argument('--secs', type=float, default=20)
    p.add_argument('--hold', type=float, default=None, help='hold time in seconds (rate: 1, mem: 40)')
    p.add_argument('--grace', type=int, default=10)
    p.add_argument('--gap', type=float, default=1)
    p.add_argument('--stop', action='store_true', help='stop at the first rate that clearly fails')
    p.add_argument('--calls', type=int, default=5000)
    p.add_argument('--setup', type=int, default=500, help='mem: calls/s while filling')
    p.add_argument('--json')
    p.add_argument('--part', help='mark of the JSON line: which part of a larger run this is')
    p.add_argument('--keep', action='store_true')
    a = p.parse_args()
    if a.hold is None:
        a.hold = 1 if a.mode == 'rate' else 40
    rates(a) if a.mode == 'rate' else memory(a)


main()
