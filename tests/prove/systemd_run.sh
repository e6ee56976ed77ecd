#!/bin/bash
# Runs as a unit inside the container: the real units of this project, started, killed, hung and stopped by a real systemd.
# One line a check, "ok" or "FAIL"; the exit code is the number of failures.
failures=0
say() { if [ "$1" = 0 ]; then echo "ok    $2"; else echo "FAIL  $2"; failures=$((failures + 1)); fi; }
show() { systemctl show -p "$1" --value gate; }
is() { [ "$(show "$1")" = "$2" ]; }
until_true() { # SECONDS COMMAND...
    local end=$(($(date +%s) + $1)); shift
    until "$@"; do [ "$(date +%s)" -lt "$end" ] || return 1; sleep 0.1; done
}
at_rest() { journalctl -u gate -o cat --no-pager | grep -c '^at rest:'; }
rested() { [ "$(at_rest)" -ge "$1" ]; }
restarted() { [ "$(show NRestarts)" -ge "$1" ] && is ActiveState active; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

set -e
install -m 0644 /opt/gate/systemd/*.service /etc/systemd/system/
install -D -m 0644 /opt/gate/systemd/gate.sysusers.conf /etc/sysusers.d/gate.conf
install -D -m 0644 /opt/gate/systemd/gate.tmpfiles.conf /etc/tmpfiles.d/gate.conf
systemd-sysusers gate.conf
systemd-tmpfiles --create gate.conf
install -D -m 0644 /bench/gate.toml /etc/gate/gate.toml
cp -r /bench/state/. /var/lib/gate/
chown -R gate:gate /var/lib/gate
systemctl daemon-reload
set +e

began=$(now_ms)
systemctl start gate; say $? "start waits for READY=1 and comes back"
echo "      start to ready: $(($(now_ms) - began)) ms"
is ActiveState active; say $? "active"
until_true 5 bash -c 'systemctl show -p StatusText --value gate | grep -q "g2: ready"'; say $? "STATUS line: $(show StatusText)"
first=$(show MainPID)
echo "      resident memory of the lane: $(($(awk '/^VmRSS/{print $2}' /proc/$first/status) / 1024)) MiB"
[ "$(stat -c %U /proc/$first)" = gate ]; say $? "runs as user gate"
grep -q 'CapEff:.*0000000000000000' /proc/$first/status; say $? "without any capability"
grep -q 'NoNewPrivs:.*1' /proc/$first/status; say $? "and cannot gain any"
! nsenter -t "$first" -m -- touch /etc/gate/x 2>/dev/null; say $? "ProtectSystem: /etc cannot be written, even by root in its mounts"
! nsenter -t "$first" -m -- touch /opt/gate/x 2>/dev/null; say $? "ProtectSystem: nor can the program"
nsenter -t "$first" -m -- touch /var/lib/gate/x; say $? "its own folder can"
sleep 12
[ "$(show MainPID)" = "$first" ] && is NRestarts 0; say $? "it feeds its watchdog (10 s) while it is idle"

began=$(now_ms)
kill -9 "$first"
until_true 20 rested 1; say $? "kill -9: ExecStopPost brought the relays to rest before the next start"
echo "      kill -9 to relays at rest: $(($(now_ms) - began)) ms"
until_true 20 restarted 1; say $? "kill -9: started again and ready"
echo "      kill -9 to ready: $(($(now_ms) - began)) ms"

mkdir -p /etc/systemd/system/gate.service.d
cat > /etc/systemd/system/gate.service.d/hang.conf <<'U'
[Service]
Environment=PYTHONPATH=/opt/gate
ExecStart=
ExecStart=/opt/gate/.venv/bin/python -m tests.fault.lane --config /etc/gate/gate.toml --at app.turn --nth 100 --do hang
U
systemctl daemon-reload
before=$(at_rest)
systemctl restart gate
rested $((before + 1)); say $? "stop by SIGTERM: relays at rest"
began=$(now_ms)
until_true 40 bash -c 'journalctl -u gate -o cat --no-pager | grep -q "Watchdog timeout"'; say $? "a lane that hangs is ended by the watchdog"
echo "      hung to ended: $(($(now_ms) - began)) ms, of which about 2 s before it hung"
until_true 20 rested $((before + 2)); say $? "watchdog: relays at rest"
rm -r /etc/systemd/system/gate.service.d
systemctl daemon-reload
systemctl restart gate; say $? "and the next lane is ready"

before=$(at_rest)
began=$(now_ms)
systemctl stop gate
took=$(($(now_ms) - began))
is Result success && is ExecMainStatus 0; say $? "stop: ends by itself with exit code 0"
rested $((before + 1)); say $? "stop: relays at rest"
echo "      stop: $took ms"
/opt/gate/.venv/bin/gate journal verify --file /var/lib/gate/journal.db; say $? "the journal of all lives is one whole chain"
[ "$failures" = 0 ] || journalctl -u gate -o cat --no-pager | tail -60
exit "$failures"
