#!/usr/bin/env bash
# Measures everything that has a goal, and prints one table: on a quiet machine in about a quarter of an hour, builds not counted.
#
#   benches/all.sh [FOLDER]      what is printed is also written into FOLDER [default: target/benches]

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=${1:-target/benches}
GREENROOM=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release/greenroom
readonly GREENROOM

mkdir -p "$OUT"
cargo build --release
"$GREENROOM" bench all --json --plot benches/growth.svg >"$OUT/bench.jsonl"
for bench in tell spawn; do
    cargo bench --quiet -p greenroom-actors --bench "$bench" >"$OUT/$bench.txt"
done
cargo bench --quiet -p greenroom-actors --bench cache -- 1 >"$OUT/cache.txt"
cargo test --release --quiet -p greenroom-actors --test idle_memory -- --nocapture >"$OUT/idle_memory.txt"
if command -v valgrind >/dev/null; then
    benches/instructions.sh v1 >"$OUT/instructions.txt"
    benches/instructions.sh v2 >>"$OUT/instructions.txt"
fi

python3 - "$OUT" <<'PYTHON' | tee "$OUT/table.md"
import json, pathlib, sys

out = pathlib.Path(sys.argv[1])
print("| scenario | figure | bare client | ratio | goal |\n|---|---|---|---|---|")
for line in (out / "bench.jsonl").read_text().splitlines():
    it = json.loads(line)
    if "ratio" in it:
        ours, bare = it["greenroom"], it["baseline"]
        cost = lambda figures: f"{figures['events_per_s']:,.0f}/s, {figures.get('cpu_us', 0):.3f} us, {figures.get('peak_mib', 0):.1f} MiB"
        goal = f"at least {it['goal']}" if "goal" in it else ""
        print(f"| {it['scenario']} ({it['wire']}) | {cost(ours)} | {cost(bare)} | {it['ratio']:.2f} | {goal} |")
    else:
        goal = " ".join(f"{how.replace('_', ' ')} {what:g}" for how, what in it.get("goal", {}).items())
        number = lambda value: "" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
        print(f"| {it['scenario']}: {it['what']} | {number(it['value'])} {it['unit']} | {number(it.get('baseline'))} | | {goal} |")
for name in ["instructions", "tell", "spawn", "cache", "idle_memory"]:
    file = out / f"{name}.txt"
    if file.exists():
        print(f"\n{name}:\n\n```text\n{file.read_text().strip()}\n```")
PYTHON
