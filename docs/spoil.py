"""Spoil a copy of a dataset folder in every way that detect.doctor knows, for the picture of docs/doctor.md.

python docs/spoil.py outputs/crowded outputs/spoiled
"""

import json
import random
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageOps

WRONG = 12  # labels
SPELLINGS = {
    "joghurt": "Jógurt ",
    "milk": "MILCH",
    "eggBox": "egg-boxes",
    "ketchup": "ketschup",
    "tomato": "Paradicsom",
}


def main(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    file = target / "annotations.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    images, annotations, names = content["images"], content["annotations"], content["categories"]
    chance = random.Random(0)
    asked = [a for a in annotations if not a.get("ignore")]
    of = {i["id"]: [a for a in asked if a["image_id"] == i["id"]] for i in images}
    for category in names:
        category["name"] = SPELLINGS.get(category["name"], category["name"])
    wrong = chance.sample([a for i in images[7:] for a in of[i["id"]]], WRONG)
    for a in wrong:
        a["category_id"] = chance.choice([c["id"] for c in names if c["id"] != a["category_id"]])
    first, second, third = (of[images[n]["id"]] for n in range(3))
    first[0]["bbox"][2] = 0.0
    first[1]["bbox"][0] = images[0]["width"] + 5.0
    second[0]["bbox"][1] -= second[0]["bbox"][1] + 12.0
    second[1]["bbox"][0] = float("nan")
    third[0]["image_id"] = 999
    fresh = max(a["id"] for a in annotations) + 1
    annotations.append({**third[1], "id": fresh})
    annotations.append({**third[2], "id": fresh + 1, "category_id": 1 + third[2]["category_id"] % len(names)})
    images[3]["width"] += 10
    pictures = target / "images"
    (pictures / images[4]["file_name"]).write_bytes((pictures / images[4]["file_name"]).read_bytes()[:5000])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn clockwise
    with Image.open(pictures / images[5]["file_name"]) as opened:
        turned = opened.transpose(Image.Transpose.ROTATE_90)
    turned.save(pictures / images[5]["file_name"], exif=exif)
    number = max(i["id"] for i in images)
    for k, name in enumerate(["copy.png", "mirrored.jpg"], start=1):
        images.append({"id": number + k, "file_name": name, "width": images[6]["width"], "height": images[6]["height"]})
    shutil.copy(pictures / images[6]["file_name"], pictures / "copy.png")
    with Image.open(pictures / images[6]["file_name"]) as opened:
        ImageOps.mirror(opened.convert("RGB")).save(pictures / "mirrored.jpg", quality=60)
    file.write_text(json.dumps(content), encoding="utf-8")
    print(f"labels that are wrong now: {', '.join(str(a['id']) for a in sorted(wrong, key=lambda a: a['id']))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
