"""Torch modules of every kind that people train, with inputs: what a tangent kernel must follow."""

import torch
from torch import nn


class Wrapped(nn.Module):
    """Some module, and what is made of its outputs."""

    def __init__(self, inner, outputs):
        super().__init__()
        self.inner, self.outputs = inner, outputs

    def forward(self, x):
        return self.outputs(self.inner(x))


class InPlace(nn.Linear):
    """Writes its outputs, column by column, into zeros of the default type."""

    def forward(self, x):
        out = torch.zeros(len(x), self.out_features)
        for k in range(self.out_features):
            out[:, k] = torch.tanh(x @ self.weight[k] + self.bias[k])
        return out


class WritesIntoItsInput(nn.Linear):
    def forward(self, x):
        x += 1
        return super().forward(x)


class ByHand(nn.Module):
    """A recurrent layer as people write it, with a hidden state of zeros."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        hidden = torch.zeros(len(x), 4)
        for step in x.unbind(1):
            hidden = self.cell(step, hidden)
        return self.out(hidden)


class OwnAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(3, 4, bias=False) for _ in range(3))

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 2
        return (torch.softmax(scores.tril(), 2) @ self.v(x))[:, -1]


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0].mean(1)


class BySample(nn.Linear):
    """A loop over the samples, with decisions by their values."""

    def forward(self, x):
        return torch.stack([super(BySample, self).forward(r if r[0] > 0 else 2 * r) for r in x])


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        nn.init.zeros_(self.second.weight)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(x)))


def _trained(*layers):
    """A network whose running statistics are not those of the start, in evaluation mode."""
    net = nn.Sequential(*layers)
    net(torch.randn(16, 2, 5))
    return net.eval()


def _recurrent(kind, **options):
    return Wrapped(kind(3, 4, batch_first=True, **options), lambda found: found[0][:, -1])


def every_kind():
    """Return name -> (module, inputs)."""
    torch.manual_seed(0)
    flat, series, image = torch.randn(5, 3), torch.randn(5, 4, 3), torch.randn(4, 2, 6, 6)
    channels, tokens = torch.randn(5, 2, 5), torch.randint(0, 6, (5, 3))
    tied = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    tied[2].weight = tied[0].weight
    frozen = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    frozen[0].requires_grad_(False)
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    return {
        "linear": (nn.Linear(3, 2), flat),
        "one output, squeezed": (Wrapped(nn.Linear(3, 1), lambda z: z.squeeze()), flat),
        "one column, squeezed": (Wrapped(nn.Linear(3, 1), lambda z: z.squeeze(-1)), flat),
        "several outputs, squeezed": (Wrapped(nn.Linear(3, 2), lambda z: z.squeeze()), flat),
        "multilayer": (nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Linear(5, 2)), flat),
        "rectified in place": (
            nn.Sequential(nn.Linear(3, 5), nn.ReLU(inplace=True), nn.Linear(5, 2)),
            flat,
        ),
        "prelu": (nn.Sequential(nn.Linear(3, 5), nn.PReLU(5), nn.Linear(5, 2)), flat),
        "prelu of one slope": (nn.Sequential(nn.Linear(3, 5), nn.PReLU(), nn.Linear(5, 1)), flat),
        "writes into zeros": (InPlace(3, 2), flat),
        "writes into its input": (WritesIntoItsInput(3, 2), flat),
        "rnn": (_recurrent(nn.RNN), series),
        "lstm": (_recurrent(nn.LSTM), series),
        "gru": (_recurrent(nn.GRU), series),
        "two layers of gru": (_recurrent(nn.GRU, num_layers=2, bidirectional=True), series),
        "gru by hand": (ByHand(), series),
        "rnn cell": (nn.RNNCell(3, 4), flat),
        "lstm cell": (Wrapped(nn.LSTMCell(3, 4), lambda found: found[0]), flat),
        "batch norm": (_trained(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.Tanh()), channels),
        "layer norm": (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)), flat),
        "group norm": (nn.Sequential(nn.Conv1d(2, 4, 2), nn.GroupNorm(2, 4)), channels),
        "instance norm": (nn.Sequential(nn.Conv1d(2, 3, 2), nn.InstanceNorm1d(3)), channels),
        "dropout": (nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1)).eval(), flat),
        "convolution": (
            nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            image,
        ),
        "transposed": (
            nn.Sequential(nn.ConvTranspose2d(2, 1, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
            image,
        ),
        "embedding": (nn.Sequential(nn.Embedding(6, 3), nn.Flatten(), nn.Linear(9, 1)), tokens),
        "embedding bag": (nn.Sequential(nn.EmbeddingBag(6, 3), nn.Linear(3, 1)), tokens),
        "attention": (SelfAttention(), torch.randn(5, 3, 4)),
        "own attention": (OwnAttention(), series),
        "encoder": (
            Wrapped(layer, lambda z: z.flatten(1)).eval(),
            torch.randn(3, 2, 4),
        ),
        "bilinear": (Wrapped(nn.Linear(3, 3), lambda z: z * z.roll(1, 1)), flat),
        "by sample": (BySample(3, 2), flat),
        "residual": (Residual(), flat),
        "tied": (tied, flat),
        "frozen": (frozen, flat),
        "weight norm": (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), flat),
        "one sample": (Wrapped(nn.Linear(3, 2), lambda z: z.squeeze()), flat[:1]),
    }
