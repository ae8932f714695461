import torch
from curvlinops import TransposedJacobianLinearOperator


class LastOutput(torch.nn.LSTM):
    def forward(self, X):
        return super().forward(X)[0][:, -1]


model = LastOutput(1, 1, batch_first=True)
data = [(torch.ones(1, 1, 1), torch.zeros(1, 1))]
operator = TransposedJacobianLinearOperator(model, list(model.parameters()), data, check_deterministic=False)
print("expected:", "no exception")
operator @ torch.ones(1)  # RuntimeError: Expected a proper Tensor but got None
