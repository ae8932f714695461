from .acceptances import accept as accept
from .acceptances import load_acceptances as load_acceptances
from .bisect import first_that_differs as first_that_differs
from .bisect import releases_between as releases_between
from .environments import prepare as prepare
from .run import compare_sides as compare_sides
from .sides import Side as Side
from .sides import parse_side as parse_side
