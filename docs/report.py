"""A picture of a study's report: its top on a screen, a section on a phone (else its detections, on test photos).

python docs/report.py outputs/camera_quick docs/pictures/report.jpg
python docs/report.py outputs/fridge_a_quick docs/pictures/report_fridge_a.jpg apart
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HEIGHT = 1560  # pixels of the page
SCREEN, PHONE, GAP = 1280, 390, 24


def main(study: Path, target: Path, section: str) -> None:
    sheet = Image.new("RGB", (SCREEN + GAP + PHONE, HEIGHT), "#8a949b")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, left, top in ((SCREEN, 0, "h1"), (PHONE, SCREEN + GAP, f"#{section}")):
            page = browser.new_page(viewport={"width": width, "height": HEIGHT})
            page.goto((study / "report.html").resolve().as_uri())
            page.locator(top).evaluate("node => node.scrollIntoView()")
            sheet.paste(Image.open(io.BytesIO(page.screenshot())), (left, 0))
        browser.close()
    small = sheet.resize((sheet.width * 3 // 4, sheet.height * 3 // 4), Image.Resampling.LANCZOS)
    small.save(target, quality=82, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(sys.argv[3:] or ["shots"]))
