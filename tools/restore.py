#!/usr/bin/env python3
"""Restores Grafeo databases from archives of gbak-s3 without gbak-s3. FORMAT.md says what is done here, and why.

  restore.py list ARCHIVE                        the backups
  restore.py restore ARCHIVE TARGET              the newest state; TARGET must not exist
  restore.py restore ARCHIVE TARGET --backup 7   or --epoch 17, or --time 2026-11-26T13:15:00Z; perhaps --timeline 2

ARCHIVE is a folder: an archive, or a copy of all that is below its prefix in a bucket. This needs Python 3.9, the program zstd and, for
an encrypted archive, age, with -i FILE for an identity, or -p for a passphrase, for which age asks. If a manifest, or anything else that
is needed, is damaged or missing, there is an error, and no database. --without N does without manifest N, and 0 is archive.json."""
import argparse, base64, calendar, contextlib, hashlib, hmac, itertools, json, mmap, os, pathlib, re, subprocess, sys, tempfile, time, zlib
LOG = re.compile(r'wal_([0-9]{8}|[1-9][0-9]{8,18}|[0-9]{20})\.log')
class Problem(ValueError): pass  # something is damaged or missing, or there is no such thing
def need(ok, *what):
    if not ok:
        raise Problem(': '.join(map(str, what)))
def nanoseconds(text):
    m = re.fullmatch(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z', text)
    need(m, text, 'a time looks like 2026-11-26T13:15:00.5Z')
    return calendar.timegm(time.strptime(m[1], '%Y-%m-%dT%H:%M:%S')) * 10**9 + int((m[2] or '').ljust(9, '0'))
def run(command, data, what, size=None, secret=''):
    """Returns what a program makes of data, which must have that size. SECRET in the command becomes a pipe with the secret."""
    read, write = os.pipe()
    with open(write, 'w') as pipe:
        pipe.write(secret)
    with open(read):
        p = subprocess.run([c.replace('SECRET', f'/dev/fd/{read}') for c in command], input=data, capture_output=True, pass_fds=[read])
    right = p.returncode == 0 and size in (None, len(p.stdout))
    need(right, what, f'damaged: {command[0]}: {p.stderr.decode(errors="replace").strip() or "another number of bytes"}')
    return p.stdout
def split(key, data, kind):
    """Checks a document; returns its fields, its key, its first line, its MAC, and the digest of all of it."""
    line, end = data[:data.find(b'\n') + 1], data[data.find(b'\n') + 1:].decode('latin-1')
    m = re.fullmatch(r'\{"sha256":"([0-9a-f]{64})"(?:,"mac":"([0-9a-f]{64})")?\}\n', end)
    need(m and m[1] == hashlib.sha256(line).hexdigest(), key, 'damaged: it does not match its own digest')
    fields = json.loads(line)
    need(fields['type'] == kind, key, f'damaged: its type is not {kind}')
    need(fields['format'] == 1, key, f'a newer version wrote it: its format is {fields["format"]}')
    return fields, key, line, m[2], hashlib.sha256(data).hexdigest()
class Archive:
    def __init__(self, root, identity, passphrase, without):
        self.root, self.generations, self.secrets = root, [], {}
        names = filter(re.compile(r'[0-9]{10}\.json').fullmatch, sorted(os.listdir(os.path.join(root, 'manifests'))))
        keys = {0: 'archive.json', **{int(name[:10]): f'manifests/{name}' for name in names}}
        self.documents = {n: split(k, self.read(k), 'manifest' if n else 'archive') for n, k in keys.items() if n not in without}
        need(any(self.documents), root, 'there is no archive with a backup')
        fields, _, _, mac, _ = next(iter(self.documents.values()))
        self.id, self.sealed = fields['archive_id'], mac is not None
        if self.sealed:
            self.unlock(identity, passphrase)
        self.backups = find_backups({n: self.manifest(n) for n in self.documents if n}, without)
    def read(self, key, ref=None, which=None, data=None):
        """Returns an object, or data in its place, after comparing it with what a manifest says, and decrypting it."""
        need(re.fullmatch(r'[A-Za-z0-9._/-]+', key) and '..' not in key, repr(key), 'this is no key')
        data = pathlib.Path(self.root, key).read_bytes() if data is None else data
        right = not ref or len(data) == ref['stored_bytes'] and hashlib.sha256(data).hexdigest() == ref['sha256']
        need(right, key, 'damaged: its size or SHA-256 is not what the manifest says')
        return self.decrypt(key, data, [g[which] for g in self.generations]) if ref and self.sealed else data
    def decrypt(self, key, data, public):
        secrets = [self.secrets[p] for p in public if p in self.secrets]
        return run(['age', '-d', '-i', 'SECRET'], data, key, secret='\n'.join(secrets[-800:]))  # as many as a pipe takes
    def unlock(self, identity, passphrase):
        """Opens the wraps that it can, and takes the generations of keys from lists that somebody with the keys has written."""
        need(identity or passphrase, 'the archive is encrypted: -i FILE or -p opens it')
        lists = {n: d[0].get('key_list') or d[0].get('encryption', {}).get('keys') for n, d in self.documents.items()}
        for wrap in dict.fromkeys(base64.b64decode(w) for n in sorted(lists, reverse=True) if lists[n] for w in lists[n]['wraps']):
            if wrap.startswith(b'age-encryption.org/v1\n-> scrypt ') == passphrase and not (passphrase and self.secrets):
                with contextlib.suppress(Problem):
                    text = run(['age', '-d'] + ([] if passphrase else ['-i', identity]), wrap, '').decode()
                    public = run(['age-keygen', '-y'], text.encode(), '').decode().split()
                    self.secrets.update(zip(public, re.findall('AGE-SECRET-KEY-1[0-9A-Z]+', text)))
        need(self.secrets, 'no keys of the archive open with that, or the program age is too old for it')
        for n in filter(lists.get, lists):
            fields, key, _, _, digest = self.documents[n]
            new, later = lists[n]['generations'], [d[0] for m, d in self.documents.items() if m > n]
            if n and fields['keys'] == n and later and not any(d['keys'] == n or d['previous_sha256'] == digest for d in later):
                continue  # a record of kind keys that does not count
            need(all(a == b for a, b in zip(new, self.generations)), key, 'damaged: it has other keys')
            for before, g in list(zip(new, new[1:]))[max(len(self.generations) - 1, 0):]:
                text = json.dumps({name: v for name, v in g.items() if name != 'mac'}, separators=(',', ':')).encode()
                need(self.mac(before, b'gbak-s3 generation of keys\n' + text) == g['mac'], key, 'damaged: new keys without the old ones')
            self.generations = max(self.generations, new, key=len)
            self.check_mac(n)
    def mac(self, generation, text):
        need(generation['catalog'] in self.secrets, f'generation {generation["number"]} of the keys is not for whoever asks')
        prk = hmac.digest(self.id.encode(), self.secrets[generation['catalog']].encode(), 'sha256')
        return hmac.digest(hmac.digest(prk, b'gbak-s3 documents\x01', 'sha256'), text, 'sha256').hex()
    def check_mac(self, n):
        """Checks who has written a document, and returns the public half of the key that it is encrypted for."""
        fields, key, line, mac, _ = self.documents[n]
        right = [g for g in self.generations if g['from'] <= max(n, 1)][-1]
        need(fields.get('generation', 1) == right['number'], key, 'damaged: it has the keys of another number')
        need(hmac.compare_digest(self.mac(right, line), mac), key, 'damaged: it was not written by somebody with the keys')
        return right['catalog']
    def manifest(self, n):
        m, key, _, mac, _ = self.documents[n]
        need(m['seq'] == n and m['archive_id'] == self.id and (mac is not None) == self.sealed, key, 'damaged: it belongs elsewhere')
        if self.sealed:
            inner, _, _, mac, _ = split(key, self.decrypt(key, base64.b64decode(m['sealed']), [self.check_mac(n)]), 'manifest')
            need(not mac and all(inner.get(f, 0) == v for f, v in m.items() if f != 'sealed'), key, 'damaged: it contradicts itself')
            m = inner
        need(m['kind'] in ('full', 'incremental', 'merged', 'keep', 'keys') and m['database']['generation'] in ('0.5', '0.6')
             and m['database'].get('layout') in (None, 'directory'), key, 'a newer version wrote it')
        return dict(m, key=key)
    def index(self, m):
        ref = m['index']
        if ref is None:
            return m['content']
        return split(ref['key'], run(['zstd', '-dcq'], self.read(ref['key'], ref, 'catalog'), ref['key'], ref['raw_bytes']), 'index')[0]
    def fill(self, files, m, image):
        """Step 4, for one backup of a chain: adds its parts to files. The image, if it is wanted, is at a path, all others in memory."""
        index, number, uses, is_full = self.index(m), None, [], m['kind'] == 'full'
        names = [f['name'] for f in index['files']]
        right = len(names) == len({*names}) and ('image' in names) == (is_full and 'layout' not in m['database'])
        right = right and (is_full or all(map(LOG.fullmatch, names))) and (m['continues'] or 0) < m['number']
        need(right, m['key'], 'damaged: it has other files, or continues another backup, than one of its kind may')
        frames, parts = index['frames'], [f for f in index['files'] if image or LOG.fullmatch(f['name'])]
        for f in parts:
            name, size = f['name'], len(files.get(f['name'], b''))
            need(re.fullmatch(LOG.pattern + r'|image|spill/(kept/)?[^/\0]+', name), m['key'], f'damaged: a file of the name {name!r}')
            need(f['from'] in (0, size) and f['bytes'] >= max(f['from'], size), m['key'], f'damaged: {name} has a gap')
            if name == 'image':
                with open(image, 'x+b') as out:
                    out.truncate(f['bytes'])
                    files[name] = mmap.mmap(out.fileno(), f['bytes'])
            else:
                files.setdefault(name, bytearray())[f['from']:] = bytes(f['bytes'] - f['from'])
            uses += [(frames[e['frame']]['segment'], e['frame'], name, e) for e in f['extents']]
        for (segment, frame), extents in itertools.groupby(sorted(uses, key=lambda u: u[:2]), lambda u: u[:2]):
            s, frame, end = index['segments'][segment], frames[frame], frames[frame]['offset'] + frames[frame]['stored_bytes']
            if segment != number:
                number, key = segment, s.get('key', m['key'])
                data = self.read(key, s, 'data', None if 'key' in s else base64.b64decode(s['data'], validate=True))
            raw = run(['zstd', '-dcq'], data[frame['offset']:end], key, frame['raw_bytes'] if end <= len(data) else -1)
            for _, _, name, e in extents:
                files[name][e['offset']:e['offset'] + e['bytes']] = raw[e['frame_offset']:e['frame_offset'] + e['bytes']]
        for f in parts:
            sums = len(files[f['name']]), zlib.crc32(memoryview(files[f['name']])[f['from']:])
            need(sums == (f['bytes'], f['crc32']), m['key'], f'damaged: {f["name"]} has another checksum')
        lsn, commit = m['position']['lsn'], m['position']['commit']
        for number, _, log in logs_of(files)[-1:] if commit else []:
            right = (number, len(log)) == (commit['end_file'], commit['end']) if is_old(m) else number + len(log) - 128 == lsn
            need(right, m['key'], 'damaged: the log does not end where it says')

def find_backups(records, without):  # step 1: the manifest of each backup by its number
    newest = records[max(records)]
    keep = newest['seq'] if newest['kind'] == 'keep' else newest['keep']
    need(not keep or keep in records, f'record {keep}, the newest keep, is missing')
    said = records[keep]['keeping'] if keep else {'alive': []}
    shown = {n: n for a, b in said['alive'] + [[keep + 1, max(records)]] for n in range(a, b + 1)}
    for s in said.get('stand_ins', []):
        shown[s['for']] = shown.pop(s['by'])
        right = s['by'] not in records or records[s['by']].get('replaces') == [s['from'], s['for']]
        need(right, f'damaged: record {s["by"]} is not backup {s["for"]}')
    need(set(shown.values()) <= {*records, *without}, 'the manifests of these records are missing', set(shown.values()) - set(records))
    shown = {n: dict(records[by], number=n) for n, by in sorted(shown.items()) if by in records}
    return {n: m for n, m in shown.items() if m['kind'] in ('full', 'incremental') or n != m['seq']}
def is_old(m): return m['database']['generation'] == '0.5'
def known(m): return max(nanoseconds(m['created_at']), nanoseconds(m['end_time'] or m['created_at']))
def chain_to(backups, last, base=None):  # step 3
    chain = [last]
    while chain[0] is not base and (base or chain[0]['kind'] != 'full'):
        m, before = chain[0], backups.get(chain[0]['continues'])
        need(before and before['number'] < m['number'] and before['timeline'] == m['timeline'], m['key'], 'what it continues is missing')
        chain.insert(0, before)
    return chain
def cover(backups, line, is_base, pick):  # the chain from the newest base that gives one to what pick takes of the backups after it
    for base in (m for m in reversed(line) if m['kind'] == 'full' and is_base(m)):
        with contextlib.suppress(Problem):
            return chain_to(backups, pick([m for m in line if m['number'] >= base['number']]), base)
def last_of_epoch(line, epoch):
    line = [m for m in line if m['end_epoch'] >= epoch]
    need(line, 'it ends before that epoch')
    while line[1:] and line[0]['end_epoch'] == epoch and line[1]['continues'] == line[0]['number'] and (
            line[1]['kind'] == 'full' or line[1]['start_epoch'] <= epoch):
        del line[0]
    return line[0]
def find(backups, backup, epoch, moment, timeline):
    """Steps 2 and 3: returns the chain to a state, and whether a commit of an epoch and time is after it; None if nothing is cut."""
    found = [m for n, m in backups.items() if timeline in (None, m['timeline']) and backup in (None, n)]
    need(found, 'there is no such backup')
    if epoch is None and moment is None:
        return chain_to(backups, found[-1]), None
    lines = {t: [m for m in found if m['timeline'] == t] for t in sorted({m['timeline'] for m in found}, reverse=True)}
    if epoch is not None:
        is_base, pick = lambda m: m['start_epoch'] <= epoch, lambda rest: last_of_epoch(rest, epoch)
        chain = next(filter(None, (cover(backups, line, is_base, pick) for line in lines.values())), None)
        need(chain, f'there is no epoch {epoch}')
        return chain, None if chain[-1]['end_epoch'] == epoch else lambda e, ms: e > epoch
    by_time = sorted(found, key=known)
    i = next((i for i, m in enumerate(by_time) if known(m) >= moment), None)
    need(i is not None, 'nothing in the archive says what was committed until then')
    line = lines[by_time[i]['timeline']]
    for late in [known(m) > moment for m in line], [nanoseconds(m['end_time']) > moment for m in line if m['end_time']]:
        need(late == sorted(late), 'a clock was set back: there are two states of that time; choose one by --epoch or --backup')
    if not is_old(by_time[i]):
        chain = cover(backups, line, lambda m: m['start_time'] and nanoseconds(m['start_time']) <= moment,
                      lambda rest: next((m for m in rest if m['end_time'] and nanoseconds(m['end_time']) > moment), rest[-1]))
        if chain:
            return chain, lambda e, ms: ms * 10**6 > moment
        is_upgraded = i > 0 and is_old(by_time[i - 1])
        need(is_upgraded or not by_time[i]['start_time'], 'the archive begins later')
        line = lines[by_time[i - is_upgraded]['timeline']]
    line = [m for m in line if nanoseconds(m['read_until']) <= moment or nanoseconds(m['created_at']) == moment]
    need(line, 'the archive begins later')
    return chain_to(backups, line[-1]), None
def logs_of(files):  # numbers, names and contents of the log files, in the order of the log
    return sorted((int(LOG.fullmatch(name)[1]), name, data) for name, data in files.items() if LOG.fullmatch(name))
def integer(data, at, size=4): return int.from_bytes(data[at:at + size], 'little')
def varint(data, at):  # a number, and where it ends
    size = {251: 2, 252: 4, 253: 8}.get(data[at], 0)
    return integer(data, at + 1, size) if size else data[at], at + 1 + size
def commits(logs, old, ends):  # of each commit the place of its file in logs, its end, epoch and time, and whether it begins a run
    epoch, changed, closing, said = None, False, False, 0
    for i, (number, name, data) in enumerate(logs):
        at = 0 if old else 128
        while at < len(data):
            begin, at = at, at + integer(data, at) + (8 if old else 25)
            need(at <= len(data), name, 'damaged: a frame is cut off')
            kind, flags = data[begin + 4], 0 if old else data[begin + 24]
            said = begin + 39 if flags & 1 else said
            if flags & 2 and not (flags & 1 and at == begin + 33):  # which is a sync mark
                epoch, said = varint(data, said)
                yield i, at, epoch, varint(data, said)[0], False
            elif old and kind == 0x26:
                e = varint(data, begin + 5)[0]
                yield i, at, e, 0, epoch is not None and e <= epoch and not (closing and e == epoch)
                epoch, changed, closing = e, False, False
            elif old and kind == 0x23 and changed and (number, at) in ends:
                epoch, changed, closing = (epoch or 0) + 1, False, True
                yield i, at, epoch, 0, False
            else:
                changed, closing = kind not in (0x23, 0x24) and (changed or kind != 0x25), False
def cut(files, chain, is_after):  # step 5
    logs, target, last, over = logs_of(files), (-1, 0), (-1, 0), False
    ends = {(m['position']['commit']['end_file'], m['position']['commit']['end']) for m in chain if m['position']['commit']}
    for i, end, epoch, ms, begins_run in commits(logs, is_old(chain[0]), ends):
        target, over = (last, False) if begins_run else (target, over)
        last, over = (i, end), over or is_after(epoch, ms)
        target = target if over else last
    target = max(target, (0, 0)) if 'layout' in chain[0]['database'] else target
    for _, name, _ in logs[target[0] + 1:]:
        del files[name]
    if target[0] >= 0:
        del logs[target[0]][2][target[1]:]
def leave_out(files, replay):  # step 6
    logs, graph = logs_of(files), replay.get('graph', '').encode()
    for number, name, data in logs:
        is_first, out, at = number == replay['file'], b'', replay['offset'] if number == replay['file'] else 0
        if number < replay['file'] or is_first and len(data) <= at and (not graph or number == logs[-1][0]):
            del files[name]
        if graph and is_first:
            out = b'\x1d\x01' + (bytes([len(graph)]) if len(graph) < 251 else b'\xfb' + len(graph).to_bytes(2, 'little')) + graph
            out = len(out).to_bytes(4, 'little') + out + zlib.crc32(out).to_bytes(4, 'little')
        for offset in (o for w in replay.get('without', []) if w['file'] == number for o in w['offsets'] if o < len(data)):
            need(offset >= at and data[offset + 4] == 2, name, 'damaged: no edge is where the manifest says')
            out, at = out + data[at:offset], offset + 8 + integer(data, offset)
        data[:] = out + data[at:]
def restore(archive, target, chain, is_after):
    need(not any(os.path.lexists(target + end) for end in ('', '.wal', '.spill', '.checkpoint')), target, 'there is something already')
    files, log_folder = {}, 'image/wal' if 'layout' in chain[0]['database'] else 'wal'
    with tempfile.TemporaryDirectory(prefix=os.path.basename(target) + '.part-', dir=os.path.dirname(os.path.abspath(target))) as folder:
        for m in chain:
            archive.fill(files, m, os.path.join(folder, 'image') if m is chain[0] else None)
        for (number, name, log), following in zip(logs_of(files), logs_of(files)[1:]):
            need(is_old(m) or following[0] == number + len(log) - 128, name, 'damaged: a gap follows')
        replay = archive.index(chain[0]).get('replay') or {'file': -1}
        right = any(n == replay['file'] and len(log) >= replay['offset'] for n, _, log in logs_of(files))
        cleared = [w['file'] for w in replay.get('without', [])]
        need(right and cleared == sorted({*cleared}) or replay['file'] < 0, chain[0]['key'], 'damaged: its replay begins elsewhere than in the log')
        if is_after:
            cut(files, chain, is_after)
        leave_out(files, replay)
        for name in files.keys() - {'image'}:
            path = pathlib.Path(folder, log_folder if LOG.fullmatch(name) else '', name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        os.sync()
        for name, path in ('wal', target + '.wal'), ('spill', target + '.spill'), ('image', target):
            if os.path.exists(os.path.join(folder, name)):
                os.rename(os.path.join(folder, name), path)
if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, how in {'command': {'choices': ['list', 'restore']}, 'archive': {}, 'target': {'nargs': '?'}, '--backup': {'type': int},
                      '--epoch': {'type': int}, '--time': {'type': nanoseconds}, '--timeline': {'type': int}, '-i': {},
                      '-p': {'action': 'store_true'}, '--without': {'type': int, 'action': 'append', 'default': []}}.items():
        p.add_argument(name, **how)
    args = p.parse_args()
    if (args.command == 'restore') != bool(args.target) or [args.backup, args.epoch, args.time].count(None) < 2:
        p.error('restore needs a TARGET, and takes one of --backup, --epoch and --time')
    try:
        archive = Archive(args.archive, args.i, args.p, args.without)
        if args.target:
            chain, is_after = find(archive.backups, args.backup, args.epoch, args.time, args.timeline)
            restore(archive, args.target, chain, is_after)
        for m in chain[-1:] if args.target else archive.backups.values():
            print('backup {number}: {kind}, timeline {timeline}, epochs {start_epoch} to {end_epoch}, {created_at}'.format(**m))
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as e:
        sys.exit(f'error: {e}' if isinstance(e, (OSError, Problem)) else f'error: damaged: some document has another form: {e!r}')
