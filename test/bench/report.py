#!/usr/bin/env python3
"""Reads the results of run.sh (JSON lines) and prints medians, ratios and targets as one Markdown table."""
import json
import os
import platform
import statistics
import sys

runs = {}
for line in open(sys.argv[1]):
    r = json.loads(line)
    runs.setdefault((r.get('part', 'rtp'), r['name']), []).append(r)


def median(part, name, key):
    values = [r[key] for r in runs.get((part, name), [])]
    return statistics.median(values) if values else None


def cell(v, digits=3):
    return '-' if v is None else f'{v:.{digits}f}'


def ratio(a, b):
    return '-' if not a or not b else f'{a / b:.2f}'


def faults():
    """Runs in which a call failed or media was lost: their medians mean little."""
    for (part, name), list_ in runs.items():
        for r in list_:
            if 'ok' in r and r['ok'] < r['created']:
                yield f'{name}, {part}: {r["created"] - r["ok"]} of {r["created"]} calls did not succeed'
            if r.get('lost_pct', 0) > 0.1:
                yield f'{name}, {part}: {r["lost_pct"]:.2f} % of the packets lost'


def rows():
    for part, what, target in (('ims', 'one call, IMS size, ms of CPU', '≤ 1.55'), ('small', 'one call, small, ms of CPU', '≤ 1.45')):
        base, own = median(part, 'baseline', 'cpu_ms_per_call'), median(part, 'bifrons', 'cpu_ms_per_call')
        if own:
            rate = runs[part, 'bifrons'][0]['rate']
            yield f'{what}, {rate}/s', cell(own), 'baseline ' + cell(base), ratio(own, base), target
            topoh = median(part, 'topoh', 'cpu_ms_per_call')
            if topoh:
                yield '', '', 'Kamailio topoh ' + cell(topoh), ratio(own, topoh), ''
    for name in ('bifrons', 'baseline'):
        for r in runs.get(('peak', name), []):
            text = f'{r["created"] - r["ok"]} failed, {r["retrans_pct"]:.3f} % repeated, {r["cpu_ms_per_call"]:.3f} ms'
            if name == 'bifrons':
                yield f'{r["rate"]} calls/s with SIPp on the same cores', text, '', '', '0 failed, < 0.1 %'
            else:
                yield '', '', 'baseline ' + text, '', ''
    own, base = median('mem', 'bifrons', 'kb_per_call_pss'), median('mem', 'baseline', 'kb_per_call_pss')
    if own:
        yield 'one held call, no media, KB', cell(own, 1), 'baseline ' + cell(base, 1), ratio(own, base), '≤ 8 KB'
    own, other = median('rtp', 'bifrons', 'cpu_s_per_mpkt'), median('rtp', 'rtpengine', 'cpu_s_per_mpkt')
    if own:
        n = runs['rtp', 'bifrons'][0]['streams']
        yield f'one RTP packet relayed, {n} streams, µs of CPU', cell(own, 2), 'rtpengine ' + cell(other, 2), ratio(own, other), '≤ 0.75'
        yield 'latency it adds, p50 / p99 ms', ' / '.join(cell(median('rtp', 'bifrons', k), 2) for k in ('lat_p50_ms', 'lat_p99_ms')), \
            'rtpengine ' + ' / '.join(cell(median('rtp', 'rtpengine', k), 2) for k in ('lat_p50_ms', 'lat_p99_ms')), '', ''
    lost, other = median('many', 'bifrons', 'lost_pct'), median('many', 'rtpengine', 'lost_pct')
    if lost is not None:
        n = runs['many', 'bifrons'][0]['streams']
        yield f'{n} streams through calls, % of the packets lost', cell(lost, 4), 'rtpengine ' + cell(other, 4), '', '0'


def cpu_model():
    for line in open('/proc/cpuinfo'):
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


most = max((len(v) for v in runs.values()), default=0)
print(f'{os.cpu_count()} × {cpu_model()}, Linux {platform.release()}, median of {most} runs\n')
print('| what | Bifrons | compared with | ratio | target |\n|---|---|---|---|---|')
for row in rows():
    print('| ' + ' | '.join(row) + ' |')
for f in faults():
    print('\nnot clean: ' + f)
