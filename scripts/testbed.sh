# Runs a real systemd as PID 1 of a private container; the host needs none. Source this file. It needs root, debootstrap and
# systemd-nspawn. Each start begins with a clean copy: the cached root is the lower layer of an overlay, and changes live in
# a tmpfs.
#
#   testbed_up              builds the root once (a minute), boots it (a second)
#   inside CMD…             runs a command in it
#   inside_online CMD…      likewise, with the host's network (for apt-get)
#   testbed_down            powers it off
#
# Never start systemd as PID 1 on the host's own root: its tmpfiles run empties the host's /tmp.

testbed=${TESTBED_DIR:-/var/tmp/systemd-testbed}
testbed_root=$testbed/root testbed_run=$testbed/run merged=$testbed/run/merged
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
export SYSTEMD_SECCOMP=1
inside_environment=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)

inside() { nsenter -t "$(cat "$testbed_run/leader")" -m -u -i -n -p -C -r -w -- "${inside_environment[@]}" "$@"; }

inside_online() {
    cp -L /etc/resolv.conf /etc/hosts "$merged/etc/"
    nsenter -t "$(cat "$testbed_run/leader")" -m -u -i -p -C -r -w -- "${inside_environment[@]}" "$@"
}

testbed_build() {
    [ -e "$testbed/root.ok" ] && return
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1)
    mkdir -p "$testbed"
    rm -rf "$testbed_root"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps,util-linux,ca-certificates \
        bookworm "$testbed_root" "$mirror" >"$testbed/debootstrap.log" 2>&1
    touch "$testbed/root.ok"
}

testbed_up() {
    testbed_build
    [ -e "$testbed_run/leader" ] && testbed_down
    mkdir -p "$testbed_run"
    mount -t tmpfs -o size=2g testbed "$testbed_run"
    mkdir -p "$testbed_run"/{upper,work,merged}
    mount -t overlay overlay -o "lowerdir=$testbed_root,upperdir=$testbed_run/upper,workdir=$testbed_run/work" "$merged"
    # nspawn's own list of calls lacks Landlock's.
    setsid systemd-nspawn -D "$merged" --register=no --keep-unit --private-network --hostname=testbed --link-journal=no \
        --resolv-conf=off --timezone=off --console=pipe \
        --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
        -b </dev/null >"$testbed/console.log" 2>&1 &
    echo $! >"$testbed_run/nspawn"
    local state=
    for _ in $(seq 300); do
        if pgrep -P "$(cat "$testbed_run/nspawn")" >"$testbed_run/leader"; then
            state=$(inside timeout 2 systemctl is-system-running 2>/dev/null) || true
        fi
        case $state in running | degraded) return ;; esac
        sleep 0.1
    done
    echo "the container did not boot (state '$state')" >&2
    tail -n 5 "$testbed/console.log" >&2
    testbed_down
    return 1
}

testbed_down() {
    local nspawn leader
    nspawn=$(cat "$testbed_run/nspawn" 2>/dev/null || true)
    leader=$(cat "$testbed_run/leader" 2>/dev/null || true)
    if [ -n "$nspawn" ] && [ "$(cat "/proc/$nspawn/comm" 2>/dev/null)" = systemd-nspawn ]; then
        [ -z "$leader" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$nspawn" 2>/dev/null || break
            sleep 0.1
        done
        if kill -0 "$nspawn" 2>/dev/null; then
            [ -z "$leader" ] || kill -9 "$leader" || true
            sleep 0.3
            kill -9 "$nspawn" 2>/dev/null || true
        fi
    fi
    for _ in 1 2 3 4 5; do
        ! mountpoint -q "$merged" || umount "$merged" 2>/dev/null || true
        ! mountpoint -q "$testbed_run" || umount "$testbed_run" 2>/dev/null || true
        mountpoint -q "$testbed_run" || break
        sleep 0.3
    done
    local group
    for group in /sys/fs/cgroup/*/payload /sys/fs/cgroup/*/supervisor; do
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
}
