"""Joins the pictures that `world --script --record` has taken: bank, shield and PIN page side by side, with a caption. From Debian: python3-pil, gifsicle."""

import pathlib
import re
import subprocess
import sys
import tempfile

from PIL import Image, ImageDraw, ImageFont

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The animation begins with this step: the shield gets its ID, pays, and refuses a thief's order.
BEGINS = "凭参考号"
# The step that the still picture shows.
STILL = "核对U盾屏幕"
BAR, COLOURS = 46, 192
# So many pictures decide of the colours.
SAMPLES = 12
# How long a picture stands at least and at most, and the last one, in hundredths of a second.
LEAST, MOST, LAST = 10, 150, 400
# The most bytes of a picture in the docs.
HEAVIEST = {"world.gif": 1_500_000, "world-pay.png": 400_000}


def main(record, out):
    frames = read(record)
    begin = next(at for at, frame in enumerate(frames) if frame["caption"][0].startswith(BEGINS))
    still = [frame for frame in frames if frame["caption"][0].startswith(STILL)][1]
    font = subprocess.run(["fc-match", "-f", "%{file}\t%{index}", "Noto Sans CJK SC"], capture_output=True, text=True, check=True).stdout.split("\t")
    draw = Drawer(font, f"U-shield {version()}, {taken(record)}")
    out.mkdir(parents=True, exist_ok=True)
    draw.whole(still).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(out / "world-pay.png", optimize=True)
    animate(draw, frames[begin:], out / "world.gif")
    for name, heaviest in HEAVIEST.items():
        size = (out / name).stat().st_size
        print(f"{out / name}: {size // 1024} KiB")
        if size > heaviest:
            sys.exit(f"{name} is larger than {heaviest} bytes")


def read(record):
    """The frames: the three pictures of each, its time in milliseconds, and its caption. A window that gave no picture keeps its last one."""
    frames, last = [], {}
    for line in (record / "frames.tsv").read_text().splitlines():
        number, time, *caption = line.split("\t")
        last |= {at: path for at in range(3) if (path := record / f"{number}-{at}.png").exists()}
        if len(last) == 3:
            frames.append({"time": int(time), "caption": caption, "parts": [last[at] for at in range(3)]})
    return frames


def version():
    return re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]


def taken(record):
    return subprocess.run(["date", "-u", "-r", record / "frames.tsv", "+%Y-%m-%d"], capture_output=True, text=True, check=True).stdout.strip()


class Drawer:
    def __init__(self, font, imprint):
        path, index = font
        self.large, self.small = (ImageFont.truetype(path, size, index=int(index)) for size in (17, 13))
        self.imprint = imprint

    def whole(self, frame):
        """The windows side by side, and under them what is said."""
        bank, shield, prompter = (Image.open(part).convert("RGB") for part in frame["parts"])
        width, height = bank.width + shield.width, max(bank.height, shield.height + prompter.height)
        whole = Image.new("RGB", (width, height + BAR), "#17211f")
        whole.paste(bank, (0, 0))
        whole.paste(shield, (bank.width, 0))
        whole.paste(prompter, (bank.width, shield.height))
        pen = ImageDraw.Draw(whole)
        chinese, english = frame["caption"]
        pen.text((14, height + 2), chinese, "#ffffff", font=self.large)
        pen.text((14, height + 25), english, "#b9c6c2", font=self.small)
        pen.text((width - 10, height + 25), self.imprint, "#8f9d99", font=self.small, anchor="ra")
        return whole


def animate(draw, frames, path):
    pictures = []
    for frame in frames:
        picture = draw.whole(frame)
        if pictures and picture.tobytes() == pictures[-1][1].tobytes():
            continue
        pictures.append((frame["time"], picture))
    # One palette for all, so that what does not move has the same colours in each picture.
    width, height = pictures[0][1].size
    sample = Image.new("RGB", (width, height * SAMPLES))
    for at in range(SAMPLES):
        sample.paste(pictures[at * (len(pictures) - 1) // (SAMPLES - 1)][1], (0, at * height))
    palette = sample.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)
    ends = [time for time, _ in pictures[1:]] + [pictures[-1][0] + 10 * LAST]
    with tempfile.TemporaryDirectory() as folder:
        command = ["gifsicle", "-O3", "--loopcount=forever", "-o", path]
        for at, ((time, picture), end) in enumerate(zip(pictures, ends)):
            part = pathlib.Path(folder) / f"{at}.gif"
            picture.quantize(palette=palette, dither=Image.Dither.NONE).save(part)
            stands = (end - time) // 10
            command += ["-d", str(stands if end == ends[-1] else min(max(stands, LEAST), MOST)), part]
        subprocess.run(command, check=True)
    print(f"{len(pictures)} pictures of {len(frames)}")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
