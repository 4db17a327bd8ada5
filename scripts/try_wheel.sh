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
