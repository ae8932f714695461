import torch

model = torch.nn.LSTM(1, 1)
jacobian = torch.func.jacfwd(lambda x: model(x)[0])
print("expected:", "no exception")
jacobian(torch.ones(1, 1, 1))  # NotImplementedError: Trying to use forward AD with mkldnn_rnn_layer
