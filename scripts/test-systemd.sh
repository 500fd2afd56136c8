#!/usr/bin/env bash
# Installs the package in a bare Debian 12 under a real systemd and tests the service there: make test-systemd.
# Usage: scripts/test-systemd.sh PACKAGE.deb; STOPS=N sets how often a running job is stopped (20).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/testbed.sh
package=$1 stops=${STOPS:-20}
passed=0 failed=0 last=$testbed/last.out

check() { # NAME CMD…
    local name=$1
    shift
    if "$@" >"$last" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: $(tail -c 600 "$last" | tr '\n' ' ')"
    fi
}
wait_for() { # SECONDS SHELL…: until the words hold inside
    local end=$((SECONDS + $1))
    shift
    until inside sh -c "$*"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}
property() { inside systemctl show -P "$1" "${2:-clipdragd}"; }
journal() { inside journalctl -u clipdragd -o cat --no-pager | grep -- "$@"; }
state() { inside clipdragd "$@" --state /var/lib/clipdragd; }

examples=/usr/share/doc/clipdragd/examples inbox=/srv/clipdragd/inbox outbox=/srv/clipdragd/outbox

testbed_up
trap testbed_down EXIT
cp "$package" "$merged/root/clipdragd.deb"

# --- the package
inside_online apt-get update -qq >/dev/null
check "installs in a bare Debian 12" inside_online apt-get install -y -qq --no-install-recommends /root/clipdragd.deb
check "needs no Swift" inside sh -c '! ldd /usr/bin/clipdragd | grep -Ei "swift|foundation|not found"'
check "is enabled" inside systemctl is-enabled -q clipdragd
check "runs" wait_for 30 systemctl is-active -q clipdragd
check "has its own user" inside id clipdragd
check "the group may drop" inside sh -c "test \"\$(stat -c '%a %U %G' $inbox)\" = '3770 clipdragd clipdragd'"
check "its configuration is a conffile and good" \
    inside sh -c "dpkg-query -W -f '\${Conffiles}' clipdragd | grep -q /etc/clipdragd/config.yaml && clipdragd check-config"
check "finds its model" inside sh -c 'clipdragd models list | grep -q starter'

# --- the example
inside useradd -m -G clipdragd maria
inside runuser -u maria -- cp $examples/rabbit-face.png $examples/rabbit-ear.yaml $inbox/
check "a member of the group drops the example; it is published" wait_for 900 "test -s $outbox/rabbit-ear/result.png"
check "with a trajectory" inside grep -q clipdrag-trajectory/2 $outbox/rabbit-ear/trajectory.json
check "the inputs are archived" wait_for 20 "test -e $inbox/archive/rabbit-face.png && test -e $inbox/archive/rabbit-ear.yaml"

# --- hardening
check "exposure by systemd-analyze is 1.0 at most" inside systemd-analyze security --threshold=10 --no-pager clipdragd.service
check "the units verify without a word" \
    inside sh -c 'test -z "$(systemd-analyze verify --man=no clipdragd.service clipdragd@x.service 2>&1 | grep -i clipdragd)"'
check "workers are in their sandbox" \
    bash -c '! nsenter -t $(cat '"$testbed_run/leader"') -m -p -r -- journalctl -u clipdragd -o cat --no-pager | grep "without a sandbox"'
daemon=$(property MainPID)
check "sees no one's home and writes nowhere else" \
    inside sh -c "nsenter -t $daemon -m -- sh -c '! ls /home/maria && ! touch /etc/x && ! touch /usr/x'"

# --- notifications
check "status text" wait_for 20 'systemctl show -P StatusText clipdragd | grep -q "0 running, 0 waiting"'
state pause
inside systemctl stop clipdragd
inside sh -c "cd $inbox && for i in \$(seq 300); do cp $examples/rabbit-ear.yaml p\$i.yaml; cp $examples/rabbit-face.png p\$i.png;
        sed -i s/rabbit-face/p\$i/ p\$i.yaml; touch -d '1 minute ago' p\$i.*; done; chown maria:clipdragd *.yaml *.png"
inside systemctl start clipdragd
check "READY comes after the scan of the inbox" bash -c "test \$(ls $merged$inbox | grep -c yaml) = 0"
check "the status counts 300" wait_for 20 'systemctl show -P StatusText clipdragd | grep -q "0 running, 300 waiting"'
inside systemctl stop clipdragd
check "a stop returns all of them to the inbox" bash -c "test \$(ls $merged$inbox | grep -c 'p.*yaml') = 300"
inside sh -c "rm $inbox/p*"
inside systemctl start clipdragd
state resume

inside sh -c 'printf "seconds: 5\n" >>/etc/clipdragd/config.yaml'
inside systemctl reload clipdragd
check "a bad configuration keeps the old one, and the service runs" \
    wait_for 20 "journalctl -u clipdragd -o cat --no-pager | grep -q 'the old configuration stays' && systemctl is-active -q clipdragd"
inside sed -i '/^seconds/d' /etc/clipdragd/config.yaml
inside systemctl reload clipdragd
check "reload reads the configuration again" wait_for 20 "journalctl -u clipdragd -o cat --no-pager | grep -q 'configuration reloaded'"

inside mkdir -p /etc/systemd/system/clipdragd.service.d
inside sh -c 'printf "[Service]\nWatchdogSec=2\n" >/etc/systemd/system/clipdragd.service.d/test.conf; systemctl daemon-reload;
        systemctl restart clipdragd'
sleep 4
# Its own seed: the cache has nothing for this edit, so it takes long enough.
inside sh -c "cp $examples/rabbit-face.png $inbox/ && { cat $examples/rabbit-ear.yaml; echo seed: 5; } >$inbox/.slow &&
        mv $inbox/.slow $inbox/rabbit-ear.yaml"
check "an edit runs under it" wait_for 20 'systemctl show -P StatusText clipdragd | grep -q "1 running"'
sleep 4
check "the watchdog leaves an idle and a working daemon alone" \
    bash -c "test \"\$(nsenter -t \$(cat $testbed_run/leader) -m -p -C -r -- systemctl show -P NRestarts clipdragd)\" = 0"
inside kill -STOP "$(property MainPID)"
check "a daemon that hangs is killed and started again" \
    wait_for 30 'test "$(systemctl show -P NRestarts clipdragd)" = 1 && systemctl is-active -q clipdragd'
check "the journal says so" journal "Watchdog timeout"
check "its job is published" wait_for 900 "test -s $outbox/rabbit-ear.2/result.png"
check "and was not charged" inside grep -q '"attempt" *: *1' $outbox/rabbit-ear.2/trajectory.json
inside sh -c 'rm -r /etc/systemd/system/clipdragd.service.d; systemctl daemon-reload; systemctl restart clipdragd'

# --- stops, each during an edit
times=()
lost=0
for i in $(seq "$stops"); do
    # A seed of its own: an edit whose fine-tuning is in the cache may end before the stop.
    inside runuser -u maria -- sh -c "cp $examples/rabbit-face.png $inbox/ &&
        { cat $examples/rabbit-ear.yaml; echo seed: $((100 + i)); } >$inbox/.stop && mv $inbox/.stop $inbox/rabbit-ear.yaml"
    wait_for 60 'grep -q "\"stage\" *: *\"" /var/lib/clipdragd/status.json' || echo "no job ran before stop $i"
    sleep "0.$((RANDOM % 10))"
    from=$EPOCHREALTIME
    inside systemctl stop clipdragd
    times+=("$(awk "BEGIN{printf \"%.3f\", $EPOCHREALTIME-$from}")")
    left=$(ls "$merged$inbox" | grep -c '^rabbit-' || true)
    [ "$left" = 2 ] || lost=$((lost + 1))
    [ "$(property Result)" = success ] || lost=$((lost + 1))
    ! ls "$merged$inbox/failed" 2>/dev/null | grep -q . || lost=$((lost + 1))
    rm -f "$merged$inbox"/rabbit-*
    inside systemctl reset-failed clipdragd # so many starts in a row are the test's doing
    inside systemctl start clipdragd
done
sorted=$(printf '%s\n' "${times[@]}" | sort -n)
echo "     $stops stops: median $(echo "$sorted" | sed -n "$((stops / 2 + 1))p") s, longest $(echo "$sorted" | tail -n 1) s"
check "every stop within 2 s" awk "BEGIN{exit !($(echo "$sorted" | tail -n 1) <= 2)}"
check "every job returned to its inbox and was not charged" test "$lost" = 0
# Its own seed: the cache has nothing for this edit.
inside sh -c "cp $examples/rabbit-face.png $inbox/ && { cat $examples/rabbit-ear.yaml; echo seed: 7; } >$inbox/.fresh &&
        mv $inbox/.fresh $inbox/fresh.yaml"
check "a job reaches its drag" wait_for 900 'grep -q "\"stage\" *: *\"drag\"" /var/lib/clipdragd/status.json'
inside systemctl stop clipdragd
check "it returns to the inbox at a stop" test -e "$merged$inbox/fresh.yaml"
inside systemctl start clipdragd
check "and is published" wait_for 900 "test -s $outbox/fresh/trajectory.json"
check "without a second fine-tuning and inversion, and not charged" \
    inside sh -c "tr -d ' \n' <$outbox/fresh/trajectory.json | grep -q '\"attempt\":1.*\"restored\":\[\"fine-tune\",\"invert\"\]'"

# --- the hook, outside
check "the hook's socket is not enabled by itself" inside sh -c '! systemctl is-enabled -q clipdragd-hook.socket'
inside sh -c 'printf "#!/bin/sh\necho \"in \$(readlink /proc/self/ns/net)\"; cat\n" >/etc/clipdragd/hook;
        chmod 755 /etc/clipdragd/hook; systemctl enable -q --now clipdragd-hook.socket;
        printf "hook: /run/clipdragd-hook.sock\n" >>/etc/clipdragd/config.yaml; systemctl reload clipdragd'
inside sh -c "echo promt: x >$inbox/misspelt.yaml" # fails at once
check "the hook gets a job in a unit of its own" \
    wait_for 60 "journalctl -u 'clipdragd-hook@*' -o cat --no-pager | grep -q '\"code\": \"spec'"
check "which has the machine's network" \
    wait_for 10 "journalctl -u 'clipdragd-hook@*' -o cat --no-pager | grep -qF \"\$(readlink /proc/1/ns/net)\""
check "and the job counts as delivered" wait_for 10 'test -z "$(ls /var/lib/clipdragd/hook)"'
inside sh -c "sed -i '/^hook/d' /etc/clipdragd/config.yaml; systemctl reload clipdragd"

# --- pages
check "the editor page lies where the program says" inside sh -c 'test "$(clipdragd editor)" = /usr/share/clipdragd/editor.html &&
        grep -q "<title>clipdragd editor" /usr/share/clipdragd/editor.html'
check "three shells complete the command line" inside sh -c 'grep -q clipdragd /usr/share/bash-completion/completions/clipdragd &&
        grep -q "#compdef clipdragd" /usr/share/zsh/vendor-completions/_clipdragd &&
        grep -q "complete -c .*clipdragd" /usr/share/fish/vendor_completions.d/clipdragd.fish'
gallery=/srv/clipdragd/gallery
shown() { # NAME: maria drops the example by that name, and a spec that fails at once
    inside runuser -u maria -- sh -c "cp $examples/rabbit-face.png $inbox/$1.png &&
            sed s/rabbit-face/$1/ $examples/rabbit-ear.yaml >$inbox/$1.yaml && echo promt: x >$inbox/$1-wrong.yaml"
}
inside sh -c "echo gallery: $gallery >>/etc/clipdragd/config.yaml; systemctl reload clipdragd"
shown seen
check "the gallery shows a published job and a failed one, without more rights than the unit's" \
    wait_for 900 "grep -q '\"seen\"' $gallery/data/00000.js && grep -q '\"seen-wrong\"' $gallery/data/00000.js"
check "with small pictures" inside sh -c "test \$(find $gallery/pictures -name '*.jpg' | wc -l) -ge 2"
check "and anyone may read it" inside runuser -u nobody -- cat $gallery/index.html $gallery/data/pages.js
inside sh -c "sed -i 's|^gallery:.*|gallery: /var/www/gallery|' /etc/clipdragd/config.yaml; systemctl reload clipdragd"
shown hidden
check "a gallery where the unit may not write costs no job" wait_for 900 "test -s $outbox/hidden/result.png"
check "and the log says so" wait_for 60 "journalctl -u clipdragd -o cat --no-pager | grep -q 'the gallery was not renewed'"
inside sh -c 'mkdir -p /var/www/gallery /etc/systemd/system/clipdragd.service.d && chown clipdragd: /var/www/gallery &&
        printf "[Service]\nReadWritePaths=/var/www/gallery\n" >/etc/systemd/system/clipdragd.service.d/gallery.conf &&
        systemctl daemon-reload && systemctl restart clipdragd'
check "ReadWritePaths= opens the folder, and the jobs that waited appear" \
    wait_for 60 "grep -q '\"hidden\"' /var/www/gallery/data/00000.js && grep -q '\"hidden-wrong\"' /var/www/gallery/data/00000.js"
inside sh -c "rm -r /etc/systemd/system/clipdragd.service.d; sed -i '/^gallery/d' /etc/clipdragd/config.yaml; systemctl daemon-reload;
        systemctl restart clipdragd"

# --- several inboxes
inside install -d -o clipdragd -g clipdragd -m 3770 /srv/clipdragd/blue/inbox /srv/clipdragd/blue/outbox
inside sh -c 'printf "inboxes: [{path: /srv/clipdragd/blue/inbox}]\noutbox: /srv/clipdragd/blue/outbox\n" >/etc/clipdragd/blue.yaml
        echo "defaults: {preset: quick}" >>/etc/clipdragd/blue.yaml'
check "an instance of the template starts" inside systemctl start clipdragd@blue
inside runuser -u maria -- cp $examples/rabbit-face.png $examples/rabbit-ear.yaml /srv/clipdragd/blue/inbox/
check "and edits beside the other" \
    wait_for 900 'test -s /srv/clipdragd/blue/outbox/rabbit-ear/result.png && systemctl is-active -q clipdragd'

# --- inboxes in places that the unit hides
drop() { # FOLDER NAME: maria drops the example there
    inside runuser -u maria -- sh -c "cp $examples/rabbit-face.png \"\$1/$2.png\" &&
            sed s/rabbit-face/$2/ $examples/rabbit-ear.yaml >\"\$1/$2.yaml\"" sh "$1"
}
pieces() { inside sh -c 'cat /etc/clipdragd/*.d/*.yaml /etc/systemd/system/clipdragd*.service.d/inbox-*.conf | sha256sum'; }
refuses() { # FOLDER WORDS: with 73 and these words; the service runs on, nothing is written
    local before code=0
    before=$(pieces)
    inside clipdragd add-inbox "$1" >"$testbed/refusal" 2>&1 || code=$?
    cat "$testbed/refusal"
    [ $code = 73 ] && grep -q "$2" "$testbed/refusal" && [ "$(pieces)" = "$before" ] && inside systemctl is-active -q clipdragd \
        && ! inside clipdragd status | grep -q "inbox *$1"
}
home="/home/maria/my edits: 50%"
inside chmod 700 /home/maria
inside sh -c 'mkdir -p /mnt/studio && mount -t tmpfs studio /mnt/studio'
check "add-inbox below a closed home" inside clipdragd add-inbox "$home"
check "on another mount" inside clipdragd add-inbox /mnt/studio/edits
check "and below /tmp" inside clipdragd add-inbox /tmp/edits
check "the service says that it watches them" \
    bash -c "nsenter -t \$(cat $testbed_run/leader) -m -p -r -- clipdragd status |
        grep -c -e 'my edits: 50%, ' -e '/mnt/studio/edits, ' -e '/tmp/edits, ' | grep -qx 3"
drop "$home" home
drop /mnt/studio/edits mnt
drop /tmp/edits tmp
for name in home mnt tmp; do check "a pair dropped there is published: $name" wait_for 900 "test -s $outbox/$name/result.png"; done
daemon=$(property MainPID)
check "a repeat is harmless" inside clipdragd add-inbox "$home" --json
check "and restarts nothing" test "$(property MainPID)" = "$daemon"
check "the rest of the home stays hidden" inside sh -c "nsenter -t $daemon -m -- sh -c '! ls /home/maria/.profile'"
inside install -d -o maria -g maria -m 755 /mnt/studio/theirs
check "a folder that its user cannot write is refused" \
    refuses /mnt/studio/theirs "the user clipdragd may not write there (maria:maria, mode 755)"
check "without a restart" test "$(property MainPID)" = "$daemon"
check "what the service refuses is removed again" refuses /srv/clipdragd/blue/inbox "another clipdragd watches this inbox"
check "an instance gets its own" \
    inside sh -c 'clipdragd add-inbox /mnt/studio/blue --unit clipdragd@blue && test -s /etc/clipdragd/blue.d/blue-*.yaml'
drop /mnt/studio/blue blue
check "and edits what is dropped there" wait_for 900 'test -s /srv/clipdragd/blue/outbox/blue/result.png'

# --- leaving
check "removes" inside apt-get remove -y -qq clipdragd
check "purges, and leaves people's files" \
    inside sh -c "apt-get purge -y -qq clipdragd && test ! -e /var/lib/clipdragd && test ! -e /etc/clipdragd/config.yaml &&
        test ! -e /etc/clipdragd/config.d && test ! -e /etc/systemd/system/clipdragd.service.d && test -e $outbox/rabbit-ear/result.png"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
