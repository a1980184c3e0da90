"""Pictures whose classes are told by coarse gratings and by a fine shortcut, and a population that sees the coarse alone, as files."""

from graphtwin.synthetic.shortcut.coarse_population import coarse_responses
from graphtwin.synthetic.shortcut.pictures import CLASSES, draw_pictures
from graphtwin.synthetic.shortcut.settings import ShortcutConfig
from graphtwin.synthetic.shortcut.shortcut_files import PICTURES, RESPONSES, write_shortcut

__all__ = ["CLASSES", "PICTURES", "RESPONSES", "ShortcutConfig", "coarse_responses", "draw_pictures", "write_shortcut"]
