"""Writers of simulated recordings and tables, in the formats of real ones."""

from graphtwin.synthetic.files.cave_tables import EARLIER, VolumeTables, matches, write_cave_tables
from graphtwin.synthetic.files.nwb_files import NwbScan, scan_masks, write_nwb
from graphtwin.synthetic.files.nwb_session import blank_tape, nwb_scan, read_tape, taped, write_tape
from graphtwin.synthetic.files.published_tables import write_published
from graphtwin.synthetic.files.sensorium_files import ShownClip, write_clips, write_dynamic, write_static

__all__ = [
    "EARLIER",
    "NwbScan",
    "ShownClip",
    "VolumeTables",
    "blank_tape",
    "matches",
    "nwb_scan",
    "read_tape",
    "scan_masks",
    "taped",
    "write_cave_tables",
    "write_clips",
    "write_dynamic",
    "write_nwb",
    "write_published",
    "write_static",
    "write_tape",
]
