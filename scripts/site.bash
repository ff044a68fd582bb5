# What the walks in Bash share, to be sourced: an installation of the project's own programs in a temporary folder, $site, with a
# hardserver of two modules whose random values follow from a fixed seed. At the end of the script both are gone.

# The walks see what their parts say, not what the caller's environment does.
for variable in "${!NFAST_@}" "${!NFLOG_@}" "${!SOFTSHIELD_@}" "${!NCCAPI_@}" "${!XDG_@}"; do
    unset "$variable"
done

programs=${CARGO_TARGET_DIR:-target}/debug
programs=$(realpath -m "$programs")
site=$(mktemp -d)
export NFAST_HOME=$site/nfast
export NFAST_KMDATA=$NFAST_HOME/kmdata NFAST_SERVER=$NFAST_HOME/nserver NFAST_PRIVSERVER=$NFAST_HOME/privnserver
cards=$NFAST_HOME/cards
daemon=
trap 'leave_site' EXIT

build_site() {
    cargo build --quiet --locked --lib --bins -p simulator -p nfkm-tools -p csp-tools -p ncsp -p cryptoapi
    cc -std=c11 -Wall -Wextra -Werror -I csp/include csp/cryptoapi/tests/c/repeat.c -o "$site/repeat" -L "$programs" -lcryptoapi
    export PATH=$programs:$site:$PATH LD_LIBRARY_PATH=$programs
    mkdir "$NFAST_HOME"
}

# Starts the hardserver, on the state that it left if it ran before, and waits until it answers.
start_hardserver() {
    # An earlier run's words are not this one's.
    : >"$site/hardserver.log"
    softshield serve --modules 2 --engines 2 --seed 67756964652077616c6b "$@" >"$site/hardserver.log" 2>&1 </dev/null &
    daemon=$!
    local i
    for ((i = 0; i < 200; i++)); do
        # It is alive, and prints this last.
        if grep -qx ready "$site/hardserver.log"; then
            return
        fi
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.05
    done
    cat "$site/hardserver.log" >&2
    return 1
}

# Ends the hardserver as a power cut does.
kill_hardserver() {
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null || true
    daemon=
}

leave_site() {
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null
    fi
    rm -rf "$site"
}
