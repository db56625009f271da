#!/usr/bin/env python3
"""Restores Grafeo databases from archives of gbak-s3 without gbak-s3. FORMAT.md says what is done here, and why.

  restore.py list ARCHIVE                        the backups
  restore.py restore ARCHIVE TARGET              the newest state; TARGET must not exist
  restore.py restore ARCHIVE TARGET --backup 7   or --epoch 17, or --time 2026-11-26T13:15:00Z; perhaps --timeline 2

ARCHIVE is a folder: an archive, or a copy of all that is below its prefix in a bucket. This needs Python 3.9, the program zstd
and, for an encrypted archive, age. If a manifest or anything else that is needed is damaged or missing, there is an error, and no
database. To do without a damaged manifest, remove it from a copy of the archive: the rest is taken for all that there is."""
import argparse, base64, calendar, hashlib, hmac, itertools, json, os, re, shutil, struct, subprocess, sys, tempfile, time, zlib
from contextlib import ExitStack, suppress

FIELDS = set('''alive archive_id at backup bytes by catalog checkpoint_lsn commit commit_id commits conditions content continues
copied_from crc32 crc32c created_at daily data database dead_before earlier encryption end end_epoch end_file end_time extents file
file_id files first folder for format frame frame_offset frames from full generation generations graph handover has_index
headers_crc32c host hourly id image_epoch imported index iteration keep keeping key key_list keys kind label labels last last_backup
last_full layout locked_from lsn mac monthly name number offset offsets pages pins policy position previous_sha256 probed_at put_at
raw_bytes read_until recipient recipients replaces replay restore_from reused_bytes run scheme sealed segment segments seq sha256
single_writer spill stand_ins start start_epoch start_file start_time state stored_bytes timeline timelines tool type unsure verdict
weekly window_s within_s without wraps yearly'''.split())
LOG = re.compile(r'wal_([0-9]{8,20})\.log')

class Problem(Exception):
    """What is asked for cannot be had: something is damaged or missing, or there is no such thing."""

def need(ok, *what):
    if not ok:
        raise Problem(': '.join(map(str, what)))

def nanoseconds(text):
    m = re.fullmatch(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z', text)
    need(m, text, 'a time looks like 2026-11-26T13:15:00.5Z')
    return calendar.timegm(time.strptime(m[1], '%Y-%m-%dT%H:%M:%S')) * 10**9 + int((m[2] or '').ljust(9, '0'))

def run(command, data, what, secret='', size=None):
    """Returns what a program makes of data, which must have that size. SECRET in the command becomes a pipe with the secret."""
    read, write = os.pipe()
    need(len(secret) <= 65536, what, 'more keys than this reader can pass on')
    os.write(write, secret.encode())
    os.close(write)
    try:
        p = subprocess.run([c.replace('SECRET', f'/dev/fd/{read}') for c in command], input=data, capture_output=True, pass_fds=[read])
    except FileNotFoundError:
        raise Problem(f'the program {command[0]} is not installed') from None
    finally:
        os.close(read)
    need(p.returncode == 0, what, f'{command[0]}: {p.stderr.decode(errors="replace").strip()}')
    need(size in (None, len(p.stdout)), what, f'damaged: it has {len(p.stdout)} bytes instead of {size}')
    return p.stdout

def unzstd(data, size, what):
    return run(['zstd', '-d', '-c', '-q'], data, what, size=size)

def unknown(value):
    """Returns the fields that this reader does not know."""
    if isinstance(value, dict):
        return (set(value) - FIELDS).union(*(unknown(v) for name, v in value.items() if name != 'labels'))
    return set().union(*map(unknown, value)) if isinstance(value, list) else set()

def split(key, data, kind):
    """Checks a document; returns its fields, its first line, its MAC, and the digest of all of it."""
    line, end = data[:data.find(b'\n') + 1], data[data.find(b'\n') + 1:].decode('latin-1')
    m = re.fullmatch(r'\{"sha256":"([0-9a-f]{64})"(?:,"mac":"([0-9a-f]{64})")?\}\n', end)
    need(m and m[1] == hashlib.sha256(line).hexdigest(), key, 'damaged: it does not match its own digest')
    fields = json.loads(line)
    need(fields['type'] == kind, key, f'damaged: its type is not {kind}')
    need(fields['format'] == 1 and not unknown(fields), key, 'a newer version wrote it', *unknown(fields))
    return fields, line, m[2], hashlib.sha256(data).hexdigest()

def key_of(n):
    return f'manifests/{n:010}.json' if n else 'archive.json'

class Archive:
    """The documents of an archive, all of which are read, and what they name."""
    def __init__(self, root, identity, passphrase):
        self.root, self.generations, self.secrets, self.loaded = root, [], {}, {}
        names = os.listdir(os.path.join(root, 'manifests')) if os.path.isdir(os.path.join(root, 'manifests')) else []
        self.numbers = sorted(int(name[:10]) for name in names if re.fullmatch(r'[0-9]{10}\.json', name))
        need(self.numbers, root, 'there is no archive with a backup')
        self.documents = {n: split(key_of(n), self.read(key_of(n)), 'manifest' if n else 'archive')
                          for n in [0] * os.path.exists(os.path.join(root, 'archive.json')) + self.numbers}
        fields, _, mac, _ = self.documents.get(0) or self.documents[self.numbers[-1]]
        self.id, self.sealed = fields['archive_id'], mac is not None
        if self.sealed:
            self.unlock(identity, passphrase)
        self.find_backups()

    def read(self, key, ref=None):
        path = os.path.join(self.root, key)
        need(re.fullmatch(r'[a-z0-9._/-]+', key) and '..' not in key and os.path.isfile(path), key, 'it is missing')
        with open(path, 'rb') as f:
            return self.check(key, f.read(), ref)

    def check(self, key, data, ref):
        right = not ref or len(data) == ref['stored_bytes'] and hashlib.sha256(data).hexdigest() == ref['sha256']
        need(right, key, 'damaged: it does not match the size and the SHA-256 that its manifest says')
        return data

    def unlock(self, identity, passphrase):
        """Opens the wraps that it can, and accepts the lists of keys that somebody with the keys has written."""
        need(identity or passphrase, 'the archive is encrypted: give an identity with -i FILE, or -p for a passphrase')
        lists = {n: d[0].get('key_list') if n else d[0]['encryption']['keys'] for n, d in self.documents.items()}
        said = 'there are no keys for this identity' if identity else 'there are no keys for a passphrase'
        for wrap in map(base64.b64decode, dict.fromkeys(w for n in reversed(lists) if lists[n] for w in lists[n]['wraps'])):
            if wrap.startswith(b'age-encryption.org/v1\n-> scrypt ') == passphrase and not (passphrase and self.secrets):
                try:
                    text = run(['age', '-d'] + ([] if passphrase else ['-i', identity]), wrap, 'the keys of the archive').decode()
                    public = run(['age-keygen', '-y', 'SECRET'], b'', 'the keys of the archive', text).decode().split()
                    self.secrets.update(zip(public, re.findall('AGE-SECRET-KEY-1[0-9A-Z]+', text)))
                except Problem as e:
                    said = e
        need(self.secrets, 'the archive cannot be opened', said)
        for n in filter(lists.get, lists):
            fields, generations = self.documents[n][0], lists[n]['generations']
            later = [d[0] for m, d in self.documents.items() if m > n]
            if n and fields['keys'] == n and later and not any(n == d['keys'] or self.documents[n][3] == d['previous_sha256'] for d in later):
                continue  # a record of kind keys that does not count
            need(all(a == b for a, b in zip(generations, self.generations)), key_of(n), 'damaged: it has other keys')
            for before, g in list(zip(generations, generations[1:]))[max(len(self.generations) - 1, 0):]:
                text = json.dumps({name: v for name, v in g.items() if name != 'mac'}, separators=(',', ':')).encode()
                need(self.mac(before, b'gbak-s3 generation of keys\n' + text) == g['mac'], key_of(n), 'damaged: its keys are not by the archive')
            self.generations = max(self.generations, generations, key=len)
            self.check_mac(n)

    def mac(self, generation, text):
        need(generation['catalog'] in self.secrets, f'generation {generation["number"]} of the keys is not for whoever asks')
        prk = hmac.digest(self.id.encode(), self.secrets[generation['catalog']].encode(), 'sha256')
        return hmac.digest(hmac.digest(prk, b'gbak-s3 documents\x01', 'sha256'), text, 'sha256').hex()

    def check_mac(self, n):
        """Checks who has written a document, and returns the public half of the key that it is encrypted for."""
        fields, line, mac, _ = self.documents[n]
        right = [g for g in self.generations if g['from'] <= max(n, 1)][-1]
        need(fields.get('generation', 1) == right['number'], key_of(n), 'damaged: it has the keys of another number')
        need(hmac.compare_digest(self.mac(right, line), mac), key_of(n), 'damaged: it was not written by somebody with the keys')
        return right['catalog']

    def plain(self, key, data, *public):
        """Decrypts what is encrypted for one of these keys."""
        secrets = '\n'.join(self.secrets[p] for p in public if p in self.secrets)
        return run(['age', '-d', '-i', 'SECRET'], data, key, secrets) if self.sealed else data

    def manifest(self, n):
        if n not in self.loaded:
            need(n in self.documents, key_of(n), 'it is missing')
            m, _, mac, _ = self.documents[n]
            need(m['seq'] == n and m['archive_id'] == self.id and (mac is not None) == self.sealed, key_of(n), 'damaged: it belongs elsewhere')
            if self.sealed:
                inner, _, mac, _ = split(key_of(n), self.plain(key_of(n), base64.b64decode(m['sealed']), self.check_mac(n)), 'manifest')
                need(not mac and all(inner.get(f, 0) == v for f, v in m.items() if f != 'sealed'), key_of(n), 'damaged: it contradicts itself')
                m = inner
            need(m['kind'] in ('full', 'incremental', 'merged', 'keep', 'keys'), key_of(n), 'a newer version wrote it')
            self.loaded[n] = dict(m, key=key_of(n), number=n)
        return self.loaded[n]

    def find_backups(self):
        """Step 1: finds the record of each backup. Records above the newest keep may turn out to be none."""
        m = self.manifest(self.numbers[-1])
        keep = m if m['kind'] == 'keep' else m['keep'] and self.manifest(m['keep'])
        self.record, self.stand_ins = {n: n for n in self.numbers if not keep or n > keep['seq']}, {}
        if keep:
            self.stand_ins = {s['for']: s for s in keep['keeping'].get('stand_ins', [])}
            merged = {s['by'] for s in self.stand_ins.values()}
            self.record.update((n, n) for a, b in keep['keeping']['alive'] for n in range(a, min(b + 1, keep['seq'])) if n not in merged)
            self.record.update((n, s['by']) for n, s in self.stand_ins.items())

    def backup(self, n):
        """Returns the manifest of a backup, None if there is no such backup."""
        m = self.manifest(self.record[n]) if n in self.record else {'kind': None}
        if n in self.stand_ins:
            need(m['kind'] == 'merged' and m['replaces'] == [self.stand_ins[n]['from'], n], m['key'], f'damaged: it is not backup {n}')
            return dict(m, number=n, kind='incremental')
        return m if m['kind'] in ('full', 'incremental') else None

    def backups(self):
        return list(filter(None, map(self.backup, sorted(self.record))))

    def index(self, m):
        if m['content']:
            return m['content']
        key = m['index']['key']
        data = self.plain(key, self.read(key, m['index']), *(g['catalog'] for g in self.generations))
        return split(key, unzstd(data, m['index']['raw_bytes'], key), 'index')[0]

    def chain(self, last, base=None):
        """Step 3."""
        chain = [last]
        while chain[0]['number'] != base['number'] if base else chain[0]['kind'] != 'full':
            m, before = chain[0], chain[0]['continues'] and self.backup(chain[0]['continues'])
            need(before and before['number'] < m['number'] and before['timeline'] == m['timeline'], m['key'], 'what it continues is missing')
            chain.insert(0, before)
        return chain

    def cover(self, line, is_base, pick):
        """Returns the chain from the newest backup of a timeline that is a base to the backup that pick takes, None if there is none."""
        for base in (m for m in reversed(line) if m['kind'] == 'full' and is_base(m)):
            last = pick([m for m in line if m['number'] >= base['number']])
            with suppress(Problem):
                if last:
                    return self.chain(last, base)

    def find(self, backup, epoch, moment, timeline):
        """Steps 2 and 3: returns the chain to a state, and whether a commit of an epoch and time is after it; None if nothing is cut."""
        found = [m for m in self.backups() if timeline in (None, m['timeline'])] if backup is None else [self.backup(backup)]
        need(found and found[-1], 'there is no such backup')
        if epoch is None and moment is None:
            return self.chain(found[-1]), None
        lines = {t: [m for m in found if m['timeline'] == t] for t in sorted({m['timeline'] for m in found}, reverse=True)}
        if epoch is not None:
            chains = (self.cover(line, lambda m: m['start_epoch'] <= epoch, lambda rest: last_of_epoch(rest, epoch)) for line in lines.values())
            chain = next(filter(None, chains), None)
            need(chain, f'there is no epoch {epoch}')
            return chain, None if chain[-1]['end_epoch'] == epoch else lambda e, ms: e > epoch
        by_time = sorted(found, key=known)
        i = next((i for i, m in enumerate(by_time) if known(m) >= moment), None)
        need(i is not None, 'nothing in the archive says what was committed until then')
        line = lines[by_time[i]['timeline']]
        for late in [known(m) > moment for m in line], [nanoseconds(m['end_time']) > moment for m in line if m['end_time']]:
            need(late == sorted(late), 'a clock was set back: there are two states of that time; choose one by --epoch or --backup')
        if by_time[i]['database']['generation'] != '0.5':
            chain = self.cover(line, lambda m: m['start_time'] and nanoseconds(m['start_time']) <= moment,
                               lambda rest: next((m for m in rest if m['end_time'] and nanoseconds(m['end_time']) > moment), rest[-1]))
            if chain:
                return chain, lambda e, ms: ms * 10**6 > moment
            is_older = i > 0 and by_time[i - 1]['database']['generation'] == '0.5'
            need(is_older or not by_time[i]['start_time'], 'the archive begins later')
            line = lines[by_time[i - is_older]['timeline']]
        line = [m for m in line if nanoseconds(m['read_until']) <= moment or nanoseconds(m['created_at']) == moment]
        need(line, 'the archive begins later')
        return self.chain(line[-1]), None

def known(m):
    return max(nanoseconds(m['created_at']), nanoseconds(m['end_time'] or m['created_at']))

def last_of_epoch(line, epoch):
    line = [m for m in line if m['end_epoch'] >= epoch]
    for m, following in itertools.zip_longest(line, line[1:]):
        if not (m['end_epoch'] == epoch and following and following['continues'] == m['number']
                and (following['kind'] == 'full' or following['start_epoch'] <= epoch)):
            return m

def logs_in(folder):
    """Returns the log files in a folder, in the order of the log: their numbers and paths."""
    wal = os.path.join(folder, 'wal')
    return sorted((int(LOG.fullmatch(name)[1]), os.path.join(wal, name)) for name in os.listdir(wal))

def path_of(folder, name):
    if LOG.fullmatch(name):
        return os.path.join(folder, 'wal', name)
    need(name == 'image' or re.fullmatch(r'spill/(kept/)?[^/\0]+', name) and name.split('/')[-1] not in ('.', '..') and name != 'spill/kept',
         repr(name), 'this is no name of a file')
    return os.path.join(folder, name)

def write_files(archive, m, folder, is_base):
    """Step 4, for one backup of the chain."""
    index = archive.index(m)
    files = [f for f in index['files'] if is_base or LOG.fullmatch(f['name'])]
    with ExitStack() as stack:
        wanted, frames = {}, index['frames']  # of each segment: of each frame, what to do with it
        for f in files:
            path, end = path_of(folder, f['name']), f['from']
            os.makedirs(os.path.dirname(path), exist_ok=True)
            out = stack.enter_context(open(path, 'r+b' if os.path.exists(path) else 'x+b'))
            size = out.seek(0, 2)
            need(0 <= f['from'] <= f['bytes'] and f['from'] in (0, size) and f['bytes'] >= size, m['key'], f'damaged: {f["name"]} has a gap')
            out.truncate(f['from'])
            out.truncate(f['bytes'])
            for e in f['extents']:
                frame = frames[e['frame']]
                need(end <= e['offset'] and e['offset'] + e['bytes'] <= f['bytes'] and min(e.values()) >= 0
                     and e['frame_offset'] + e['bytes'] <= frame['raw_bytes'], m['key'], 'damaged: an extent')
                end = e['offset'] + e['bytes']
                wanted.setdefault(frame['segment'], {}).setdefault(e['frame'], []).append((out, e))
            f['file'] = out
        for number, uses in wanted.items():
            s = index['segments'][number]
            key = s.get('key', m['key'])
            data = archive.read(key, s) if 'key' in s else archive.check(key, base64.b64decode(s['data'], validate=True), s)
            data, at = archive.plain(key, data, *(g['data'] for g in archive.generations)), 0
            used = [frames[n] for n in sorted(uses)]
            need(all(0 <= f['offset'] <= f['offset'] + f['stored_bytes'] <= len(data) for f in used), m['key'], 'damaged: a frame')
            raw = unzstd(b''.join(data[f['offset']:f['offset'] + f['stored_bytes']] for f in used), sum(f['raw_bytes'] for f in used), key)
            for n in sorted(uses):
                for out, e in uses[n]:
                    out.seek(e['offset'])
                    out.write(raw[at + e['frame_offset']:at + e['frame_offset'] + e['bytes']])
                at += frames[n]['raw_bytes']
        for f in files:
            f['file'].seek(f['from'])
            crc = 0
            for part in iter(lambda: f['file'].read(1 << 20), b''):
                crc = zlib.crc32(part, crc)
            need(crc == f['crc32'], m['key'], f'damaged: the checksum of {f["name"]} is {crc}, and not {f["crc32"]}')
    logs, commit, lsn = logs_in(folder), m['position']['commit'], m['position']['lsn']
    if logs and commit:
        number, size = logs[-1][0], os.path.getsize(logs[-1][1])
        ends = (number, size) == (commit['end_file'], commit['end']) if m['database']['generation'] == '0.5' else number + size - 128 == lsn
        need(ends, m['key'], 'damaged: the log does not end where it says')

def varint(data, at):
    """Returns a number of bincode, and where it ends."""
    size = {251: 2, 252: 4, 253: 8}.get(data[at], 0)
    return (int.from_bytes(data[at + 1:at + 1 + size], 'little') if size else data[at]), at + 1 + size

def commits06(logs):
    """Yields file, end, epoch and time of each commit, and whether it begins a run."""
    for _, path in logs:
        data, at = read_file(path), 128
        while at < len(data):
            size, flags = struct.unpack_from('<I', data, at)[0], data[at + 24]
            if flags & 1:
                begins, is_mark = at + 25 + 14, size == 8 and flags == 3
            at += 25 + size
            need(at <= len(data), path, 'damaged: a frame is cut off')
            if flags & 2 and not is_mark:
                epoch, begins = varint(data, begins)
                yield path, at, epoch, varint(data, begins)[0], False

def commits05(logs, ends):
    epoch, changed, closing = None, False, False
    for number, path in logs:
        data, at = read_file(path), 0
        while at < len(data):
            kind, at, before = data[at + 4], at + 8 + struct.unpack_from('<I', data, at)[0], at
            need(at <= len(data), path, 'damaged: a frame is cut off')
            if kind == 0x26:
                e = varint(data, before + 5)[0]
                yield path, at, e, 0, epoch is not None and e <= epoch and not (closing and e == epoch)
                epoch, changed, closing = e, False, False
            elif kind == 0x23 and changed and (number, at) in ends:
                epoch, changed, closing = (epoch or 0) + 1, False, True
                yield path, at, epoch, 0, False
            else:
                changed, closing = kind not in (0x23, 0x24) and (changed or kind != 0x25), False

def read_file(path):
    with open(path, 'rb') as f:
        return f.read()

def cut(chain, folder, is_after):
    """Step 5."""
    logs, target, last, over = logs_in(folder), None, None, False
    ends = {(m['position']['commit']['end_file'], m['position']['commit']['end']) for m in chain if m['position']['commit']}
    is_old = chain[0]['database']['generation'] == '0.5'
    for path, end, epoch, ms, begins_run in commits05(logs, ends) if is_old else commits06(logs):
        if begins_run:
            target, over = last, False
        last, over = (path, end), over or is_after(epoch, ms)
        target = target if over else last
    for _, path in logs:
        if target is None and path == logs[0][1] and 'layout' in chain[0]['database']:
            os.truncate(path, 0)
        elif target is None or path > target[0]:
            os.remove(path)
        elif path == target[0]:
            os.truncate(path, target[1])

def leave_out(folder, replay):
    """Step 6."""
    logs = logs_in(folder)
    for number, path in logs:
        data, is_first = read_file(path), number == replay['file']
        at, graph = (replay['offset'], replay.get('graph', '').encode()) if is_first else (0, b'')
        if number < replay['file'] or is_first and len(data) <= at and (not graph or number == logs[-1][0]):
            os.remove(path)
            continue
        out = b''
        if graph:
            size = bytes([len(graph)]) if len(graph) < 251 else b'\xfb' + struct.pack('<H', len(graph))
            out = b'\x1d\x01' + size + graph
            out = struct.pack('<I', len(out)) + out + struct.pack('<I', zlib.crc32(out))
        for without in replay.get('without', []):
            for offset in without['offsets'] if without['file'] == number else []:
                if offset < len(data):
                    need(data[offset + 4] == 2, path, 'damaged: no edge is where the manifest says')
                    out, at = out + data[at:offset], offset + 8 + struct.unpack_from('<I', data, offset)[0]
        with open(path, 'wb') as f:
            f.write(out + data[at:])

def restore(archive, target, chain, is_after):
    beside = [target, target + '.wal', target + '.spill', target + '.checkpoint']
    for path in beside:
        need(not os.path.lexists(path), path, 'there is something already')
    folder = tempfile.mkdtemp(prefix=os.path.basename(target) + '.restoring-', dir=os.path.dirname(os.path.abspath(target)))
    try:
        os.mkdir(os.path.join(folder, 'wal'))
        for m in chain:
            write_files(archive, m, folder, m is chain[0])
        logs = logs_in(folder)
        for (number, path), (following, _) in zip(logs, logs[1:]):
            need(chain[0]['database']['generation'] == '0.5' or following == number + os.path.getsize(path) - 128, path, 'a gap follows')
        if is_after:
            cut(chain, folder, is_after)
        replay = archive.index(chain[0]).get('replay')
        if replay:
            leave_out(folder, replay)
        for path, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(path, name), 'rb') as f:
                    os.fsync(f.fileno())
        if 'layout' in chain[0]['database']:
            os.mkdir(os.path.join(folder, 'image'))
            os.rename(os.path.join(folder, 'wal'), os.path.join(folder, 'image', 'wal'))
        for name, path in ('wal', target + '.wal'), ('spill', target + '.spill'), ('image', target):
            name = os.path.join(folder, name)
            if os.path.isfile(name) or os.path.isdir(name) and os.listdir(name):
                os.rename(name, path)
    finally:
        shutil.rmtree(folder)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('command', choices=['list', 'restore'])
    p.add_argument('archive')
    p.add_argument('target', nargs='?')
    state = p.add_mutually_exclusive_group()
    state.add_argument('--backup', type=int, metavar='N')
    state.add_argument('--epoch', type=int, metavar='N')
    state.add_argument('--time', metavar='TIME')
    p.add_argument('--timeline', type=int, metavar='N')
    p.add_argument('-i', '--identity', metavar='FILE')
    p.add_argument('-p', '--passphrase', action='store_true')
    args = p.parse_args()
    try:
        need((args.command == 'restore') == (args.target is not None), 'restore needs a target, and list has none')
        archive = Archive(args.archive, args.identity, args.passphrase)
        if args.command == 'restore':
            chain, is_after = archive.find(args.backup, args.epoch, args.time and nanoseconds(args.time), args.timeline)
            restore(archive, args.target, chain, is_after)
            print(f'restored backup {chain[-1]["number"]}{", cut" if is_after else ""}: {args.target}')
        else:
            for m in archive.backups():
                print(f'{m["number"]:>7}  {m["kind"]:<11}  timeline {m["timeline"]}  epochs {m["start_epoch"]} to {m["end_epoch"]}  {m["created_at"]}')
    except (Problem, OSError) as e:
        sys.exit(f'error: {e}')
    except (LookupError, TypeError, ValueError, AttributeError, struct.error) as e:
        sys.exit(f'error: damaged: a document lacks something, or has it in another form: {e!r}')

if __name__ == '__main__':
    main()
