from .checking import check as check
from .computing import assert_jacobians_right as assert_jacobians_right
from .computing import jacobians as jacobians
from .plotting import plot as plot
from .sources import methods_of as methods_of
from .sources import picture_of_case as picture_of_case
from .sources import picture_of_finding as picture_of_finding
from .sources import picture_of_model as picture_of_model
