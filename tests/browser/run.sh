#!/usr/bin/env bash
# The explorer of a short run of the bundle and pages in Debian's Chromium; screenshots are left in the folder that is printed.
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd ../../.venv/bin && pwd)
run=${RUN:-../../runs/browser}
shots=$(mktemp -d)
npm install --silent --no-package-lock --no-audit --no-fund
test -f "$run/manifest.json" || "$bin/graphtwin" run --set preset=short --out "$run"
"$bin/python" expected.py "$run" "$shots/scores.csv" >"$shots/expected.json"
beside=("$shots/scores.csv" hostile.html)
arbors=(--axons "$shots/axons" --dendrites "$shots/dendrites" --nm-per-unit 1000 1000 1000)
"$bin/graphtwin" view "$run" "${beside[@]}" "${arbors[@]}" --export "$shots/page.html"
cp -r "$run" "$shots/bare"
rm "$shots/bare/embeddings.parquet"
"$bin/python" -c "import sys, pandas as pd; t = pd.read_parquet(sys.argv[1]); t[['x_um', 'depth_um', 'z_um']] = float('nan'); t.to_parquet(sys.argv[1])" "$shots/bare/tables/neurons.parquet"
"$bin/graphtwin" view "$shots/bare" --export "$shots/bare.html"
"$bin/graphtwin" view "$run" "${beside[@]}" >"$shots/address" &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 60); do grep -q http "$shots/address" && break; sleep 1; done
node explorer.mjs "$shots/page.html" "$shots/bare.html" "$(head -1 "$shots/address")" "$shots/expected.json" "$shots"
"$bin/graphtwin" report "$run" >/dev/null
"$bin/graphtwin" power --effect 1 --axons 8 --tables 20 --out "$shots/power" >/dev/null
"$bin/graphtwin" types "$run" --set seeds=2 --set permutations=19 --out "$shots/types" >/dev/null
node pages.mjs "$shots" "$(realpath "$run")/report.html" "$shots/power/report.html" "$shots/types/report.html"
echo "screenshots: $shots"
