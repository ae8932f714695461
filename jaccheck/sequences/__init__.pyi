from .run import play as play
from .sequence import Tally as Tally
