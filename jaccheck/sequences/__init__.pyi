from .asking import SequenceNote as SequenceNote
from .asking import drive as drive
from .player import Player as Player
from .sequence import Tally as Tally
