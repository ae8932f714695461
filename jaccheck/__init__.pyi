from . import conformance as conformance
from . import errors as errors
from .case import Case as Case
from .case import cases as cases
from .judging import judge as judge
from .methods import Jacobians as Jacobians
from .methods import Method as Method
from .methods import Problem as Problem
from .methods import build as build
from .methods import method as method
from .models import assert_gradients_right as assert_gradients_right
from .models import assert_jacobians_right as assert_jacobians_right
from .models import check as check
from .models import check_method as check_method
from .models import gradients as gradients
from .models import jacobians as jacobians
from .models import load as load
from .models import plot as plot
from .models import save as save
from .models import verify as verify
from .reports import ModelReport as ModelReport
from .reports import Outcome as Outcome
from .reports import Report as Report
from .reports import Verdict as Verdict

__version__: str
