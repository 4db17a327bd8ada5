#!/usr/bin/env bash
# Builds the wheel and uses it as a person without the checkout does: an empty folder, the installed
# command, a video. Argument: a Python that has the package "build" (the extra "dev").
set -euo pipefail
python=$1
checkout=$(cd "$(dirname "$0")/.." && pwd)
case $python in /*) ;; *) python=$PWD/$python ;; esac
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT

"$python" -m build --wheel --outdir "$empty/dist" "$checkout" > "$empty/build.log" 2>&1 || { cat "$empty/build.log"; exit 1; }
"$python" -m venv "$empty/venv"
"$empty/venv/bin/python" -m pip install --quiet "$empty"/dist/*.whl
mkdir "$empty/place" "$empty/place/videos"
cp "$checkout"/examples/videos/*.mp4 "$empty/place/videos/"
cd "$empty/place"
"$empty/venv/bin/three-stage" --input-video-dir videos
"$empty/venv/bin/three-stage-validate" --output-root outputs

# The page and all that it names come out of the wheel.
"$empty/venv/bin/three-stage-chat" --port 0 > chat.log 2>&1 &
chat=$!
trap 'kill "$chat" 2>/dev/null; rm -rf "$empty"' EXIT
"$empty/venv/bin/python" - <<'PAGE'
import pathlib, re, time, urllib.request

for _ in range(300):
    found = re.search(r"http://\S+:\d+", pathlib.Path("chat.log").read_text(encoding="utf-8"))
    if found:
        break
    time.sleep(0.1)
else:
    raise SystemExit("three-stage-chat did not start: " + pathlib.Path("chat.log").read_text())
page = urllib.request.urlopen(found.group() + "/").read().decode()
for name in ["/docs", *re.findall(r'"(/static/[^"]+)"', page)]:
    urllib.request.urlopen(found.group() + name).read()
print("three-stage-chat: the page and its files")
PAGE
