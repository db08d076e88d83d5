# SPDX-License-Identifier: Apache-2.0
"""Layers for PyTorch: QLIF, QLIFLayer, LIF and SpikeLinear."""

from __future__ import annotations

import functools
import math
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

import torch
from torch import Tensor, nn

from ..config import LifConfig, NeuronConfig, QlifConfig
from . import _operators, _parallel  # noqa: F401  the first one registers the operators

_OFF = "off"
_DYNAMIC = ("dynamic_spike_probability.tau_adapt", "dynamic_spike_probability.adaptation")
_PRESETS = ("2025-08-15", "2025-08-24")

# The arguments that are options of the model, by the name that the option has there.
_OPTIONS = {
    "V_reset": "v_reset",
    "dt": "dt",
    "noise_std": "noise_std",
    "stochastic": "stochastic",
    "min_threshold": "min_threshold",
    "max_threshold": "max_threshold",
    "use_adaptive_threshold": "use_adaptive_threshold",
    "surrogate_gradient_function": "surrogate",
    "alpha": "surrogate_alpha",
    "allow_dynamic_spike_probability": "dynamic_probability",
    "base_alpha": "base_alpha",
    "tau_adapt": "tau_adapt",
    "adaptation_decay": "adaptation_decay",
    "spike_increase": "spike_increase",
    "depression_rate": "depression_rate",
    "recovery_rate": "recovery_rate",
    "neuromod_mode": "neuromod_mode",
    "neuromod_strength": "neuromod_strength",
    "quantum_mode": "decision",
    "quantum_threshold": "quantum_threshold",
    "quantum_leak": "quantum_leak",
    "quantum_wire": "quantum_wires",
    "use_ahp": "use_ahp",
    "tau_ahp": "tau_ahp",
    "ahp_jump": "ahp_jump",
    "g_ahp": "g_ahp",
    "homeostasis_enabled": "homeostasis_enabled",
    "homeostasis_target_rate": "homeostasis_target_rate",
    "homeostasis_lr": "homeostasis_lr",
    "homeostasis_tau": "homeostasis_tau",
    "preset": "preset",
    "readout": "readout",
    "options": "options",
}


class ArgumentError(ValueError, AssertionError):
    """An argument of a layer that is refused; the text has its name, what came and what was expected."""


# The overloads themselves: to find one by its arguments takes microseconds.
_run = torch.ops.qlif.run.default
_linear = torch.ops.qlif.linear.default
_start = torch.ops.qlif.start.default
_next_run = torch.ops.qlif.next_run.default
_fresh_state = torch.ops.qlif.fresh_state.default
_move_statistics = torch.ops.qlif.move_statistics.default
_batch_sums = torch.ops.qlif.batch_sums.default

_RunSoFar = Tuple[Tensor, Tensor, Optional[Tensor], Tensor]


def _refuse(name: str, got: Any, expected: str) -> ArgumentError:
    return ArgumentError(f"{name}: got {got!r}, expected {expected}")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _refuse(name, value, "a whole number of 1 or more")
    return value


def _choice(name: str, value: Any, config: Type[NeuronConfig], option: str, *others: str) -> str:
    """others: what else the caller takes, for the refusal."""
    choices = config._model().options[option].choices
    if isinstance(value, str) and value.upper() in choices:
        return value.upper()
    raise _refuse(name, value, f"one of {', '.join([*others, *(choice.lower() for choice in choices)])}")


def _configuration(arguments: Mapping[str, Any]) -> QlifConfig:
    """The configuration that a layer's arguments ask for."""
    preset = arguments["preset"]
    if preset is not None and preset not in _PRESETS:
        raise _refuse("preset", preset, f"one of {', '.join(_PRESETS)}, or None")
    for name in ("quantum_mode", "stochastic"):
        if not isinstance(arguments[name], bool):
            raise _refuse(name, arguments[name], "True or False")
    decision = "QUBIT" if arguments["quantum_mode"] else "SIGMOID" if arguments["stochastic"] else "THRESHOLD"
    given = {
        option: arguments[name]
        for name, option in _OPTIONS.items()
        if name not in ("preset", "options", "quantum_mode", "readout")
    }
    given["decision"] = decision
    mode = arguments["neuromod_mode"]
    given["neuromod_mode"] = _choice("neuromod_mode", _OFF if mode is None else mode, QlifConfig, "neuromod_mode")
    given["surrogate"] = _choice(
        "surrogate_gradient_function", arguments["surrogate_gradient_function"], QlifConfig, "surrogate"
    )
    if arguments["readout"] is not None:
        given["readout"] = _choice("readout", arguments["readout"], QlifConfig, "readout")
    try:
        if preset is None:
            return QlifConfig(**given).replace(**(arguments["options"] or {}))
        base = QlifConfig.preset(preset, decision=decision)
        for name in ("homeostasis_enabled", "homeostasis_target_rate", "homeostasis_lr", "homeostasis_tau"):
            del given[name]
        if not base.dynamic_probability:
            del given["dynamic_probability"]
        # Their trace decays by what it does at a dt of 1; the earlier one advances it twice a step.
        tau = QlifConfig(tau_adapt=arguments["tau_adapt"]).tau_adapt
        decay = math.exp(-1 / tau)
        twice = preset == "2025-08-15" and decision == "QUBIT"
        given["dsp_decay"], given["dsp_jump"] = (decay * decay, 1 + decay) if twice else (decay, 1.0)
        return base.replace(**given).replace(**(arguments["options"] or {}))
    except (ValueError, TypeError) as refused:
        text = str(refused)
        for name, option in _OPTIONS.items():
            if text.startswith(f"{option}: "):
                text = name + text[len(option) :]
                break
        raise ArgumentError(text) from refused


def arguments_of(config: QlifConfig, preset: Optional[str]) -> Dict[str, Any]:
    """The arguments of QLIF that ask for a configuration; `options` has what no other argument can say."""
    arguments: Dict[str, Any] = {"preset": preset, "options": None}
    for name, option in _OPTIONS.items():
        if name not in arguments:
            value = getattr(config, option)
            arguments[name] = value.lower() if isinstance(value, str) else value
    arguments["quantum_mode"] = config.decision == "QUBIT"
    arguments["stochastic"] = config.decision == "SIGMOID" if config.decision != "QUBIT" else config.stochastic
    asked = _configuration(arguments)
    options = {name: getattr(config, name) for name in config._model().options}
    options = {name: value for name, value in options.items() if value != getattr(asked, name)}
    return {**arguments, "options": options or None}


def _argument(name: str) -> property:
    """An argument of the constructor as an attribute; one that is set configures the neurons anew."""

    def read(self: "QLIF") -> Any:
        return self._arguments[name]

    def write(self: "QLIF", value: Any) -> None:
        if name == "preset":
            raise AttributeError("preset: can't be changed; create new neurons instead")
        self._configure({**self._arguments, name: value})

    return property(read, write, doc=f"As passed: {name}.")


class _DynamicSpikeProbability:
    """The dynamic-probability trace of a layer, as an attribute of its own."""

    def __init__(self, neurons: "QLIF"):
        self._neurons = neurons

    @property
    def adaptation(self) -> Tensor:
        """D, (B, N)."""
        return self._neurons._variable("dsp")

    @property
    def tau_adapt(self) -> Tensor:
        """The time constant of D."""
        return torch.tensor(float(self._neurons.tau_adapt))


def _type(dtype: Any) -> Optional[torch.dtype]:
    """The type of spike values as the operator takes it; None: float32."""
    if dtype not in (None, torch.float32, *_operators.NARROW):
        raise _refuse("dtype", dtype, "torch.float32, torch.float16, torch.bfloat16, or None")
    return None if dtype is torch.float32 else dtype


def _shown(dtype: Optional[torch.dtype]) -> str:
    return "" if dtype is None else f", dtype={dtype}"


def _input(name: str, value: Any, dimensions: str, neurons: int, like: Tensor) -> Tensor:
    """An input as the operator takes it: float32 or, as it is, of 16 bits; one copy of what is of another type."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: got {type(value).__name__}, expected a tensor")
    if value.layout is not torch.strided:
        raise ValueError(f"{name}: got a tensor of layout {value.layout}, expected a dense one")
    if value.dim() != len(dimensions) or value.shape[-1] != neurons:
        shape = ", ".join([*dimensions[:-1], str(neurons)])
        raise ValueError(f"{name}: got the shape {tuple(value.shape)}, expected ({shape})")
    if value.device != like.device:
        raise ValueError(f"{name}: got a tensor on {value.device}, expected one on {like.device}, where the layer is")
    dtype = value.dtype
    if dtype is torch.float32 or dtype in _operators.NARROW:
        return value
    if dtype.is_complex:
        raise TypeError(f"{name}: got {dtype}, expected real numbers")
    return value.float()


class QLIF(nn.Module):
    """QLIF neurons that do one time step per call, a drop-in replacement for QLIF-Neurons' `QLIF`: the same arguments,
    defaults, attributes and names in `state_dict`.

        >>> neurons = qlif.torch.QLIF(128)
        >>> for current in sequence:                    # (B, 128) each
        ...     spikes = neurons(current)
        ...     use(neurons.spike_values)               # differentiable: what the next layer consumes

    The state carries the graph from step to step, so a loss at any step reaches all earlier steps; a loop over steps
    gives the same spikes and gradients as one call of QLIFLayer over all of them. A new batch size starts a fresh state,
    as `reset` and `resize` do; a fresh state draws a seed from PyTorch's CPU generator (or `generator`), so
    torch.manual_seed determines all draws. Runs on one device and computes in float32; inputs of float16 and
    bfloat16 are read as they are, others are converted, at the cost of one copy.

    preset: "2025-08-15" or "2025-08-24" for the public snapshot of that date; None: the model of docs/model.md, in which
    eta and homeostasis have an effect. readout: "single_qubit", "multi_qubit" (quantum_wire qubits; quantum_threshold
    sets how many must fire) or "expectation". options: further options of qlif.QlifConfig by name, which take precedence.
    neuromod_transform: the function applied to external modulation, a callable or a module, whose weights are trained,
    too; None: a sigmoid. dtype: torch.float16 or torch.bfloat16 for spike values of this type, and for the potentials
    that are kept for the backward pass, which takes half the memory; None: float32. The gradients are then those of the
    rounded potentials. The state stays float32, so that `spike_values` after a step is a copy. process_group: see QLIFLayer.
    Bad values raise ArgumentError, which is a ValueError and an AssertionError.
    """

    # Read and set by users; a tensor each, (B, N), that carries the graph.
    _VARIABLES = {
        "V": "v",
        "adaptation_current": "adaptation",
        "synaptic_efficiency": "efficiency",
        "neuromodulator": "modulation",
        "spike_values": "y",
        "refrac": "refractory",
        "ahp": "ahp",
        "threshold_offset": "threshold_offset",
        "firing_rate": "rate",
        "homeostatic_offset": "homeostasis_offset",
    }
    # Those that the public package does not have; what a file lacks of them starts fresh.
    _OWN = ("threshold_offset", "firing_rate", "homeostatic_offset")

    def __init__(
        self,
        num_neurons: int,
        V_th: float = 1.0,
        V_reset: float = 0.0,
        tau: float = 20.0,
        dt: float = 1.0,
        eta: float = 0.1,
        use_adaptive_threshold: bool = True,
        noise_std: float = 0.1,
        stochastic: bool = True,
        min_threshold: float = 0.5,
        max_threshold: float = 2.0,
        batch_size: int = 1,
        device: Union[str, torch.device] = "cpu",
        surrogate_gradient_function: str = "heaviside",
        alpha: float = 1.0,
        allow_dynamic_spike_probability: bool = True,
        base_alpha: float = 2.0,
        tau_adapt: float = 20.0,
        adaptation_decay: float = 0.9,
        spike_increase: float = 0.5,
        depression_rate: float = 0.1,
        recovery_rate: float = 0.05,
        neuromod_transform: Optional[Callable[[Tensor], Tensor]] = None,
        neuromod_mode: Optional[str] = "gain",
        neuromod_strength: float = 1.0,
        learnable_threshold: bool = True,
        learnable_tau: bool = False,
        learnable_eta: bool = False,
        learnable_qscale: bool = True,
        learnable_qbias: bool = True,
        quantum_mode: bool = True,
        quantum_threshold: float = 0.7,
        quantum_leak: float = 0.1,
        quantum_wire: int = 4,
        use_ahp: bool = True,
        tau_ahp: float = 120.0,
        ahp_jump: float = 0.3,
        g_ahp: float = 0.2,
        homeostasis_enabled: bool = True,
        homeostasis_target_rate: float = 0.12,
        homeostasis_lr: float = 1e-3,
        homeostasis_tau: float = 1000.0,
        *,
        preset: Optional[str] = None,
        readout: Optional[str] = None,
        options: Optional[Mapping[str, Any]] = None,
        generator: Optional[torch.Generator] = None,
        process_group: Any = None,
        dtype: Optional[torch.dtype] = None,
    ):
        passed = {name: value for name, value in locals().items() if name in _OPTIONS}
        super().__init__()
        self.num_neurons = _whole("num_neurons", num_neurons)
        _whole("batch_size", batch_size)
        if neuromod_transform is not None and not callable(neuromod_transform):
            raise _refuse("neuromod_transform", neuromod_transform, "a callable, or None for a sigmoid")
        if generator is not None and not isinstance(generator, torch.Generator):
            raise _refuse("generator", generator, "a torch.Generator, or None")
        device = torch.device(device)
        learnable = {
            "V_th": learnable_threshold,
            "tau": learnable_tau,
            "eta": learnable_eta,
            "q_scale": learnable_qscale,
            "q_bias": learnable_qbias,
        }
        for name, flag in learnable.items():
            if not isinstance(flag, bool):
                raise _refuse(f"learnable_{name.lower()}", flag, "True or False")
        self.generator = generator
        self.process_group = process_group
        self._dtype = _type(dtype)
        self.neuromod_transform = neuromod_transform
        self._configure(passed)
        try:
            starts = self.config.replace(v_th=V_th, tau=tau, eta=eta)
        except ValueError as refused:
            raise ArgumentError(str(refused).replace("v_th: ", "V_th: ", 1)) from refused
        own = {"V_th", "q_scale", "q_bias"}
        for name, flag in learnable.items():
            value = starts.parameter_default(name.lower())
            values = torch.full((self.num_neurons,) if name in own else (), value, dtype=torch.float32, device=device)
            if flag:
                self.register_parameter(name, nn.Parameter(values))
            else:
                self.register_buffer(name, values, persistent=name != "V_th")
        self.register_buffer("_qnode_ready", torch.ones((), dtype=torch.int8, device=device))
        # What a run starts from, (S, N): initial values, and the means over the batch that homeostasis carries from run
        # to run.
        initial = torch.tensor([variable.initial_value for variable in self._table.variables], device=device)
        self.register_buffer("_fresh", initial.unsqueeze(1).repeat(1, self.num_neurons), persistent=False)
        # The snapshots pass eta, which has no effect on them.
        no_eta = None if self._arguments["preset"] is None else torch.zeros((), device=device)
        self.register_buffer("_no_eta", no_eta, persistent=False)
        if self._arguments["preset"] == "2025-08-24":
            self.register_buffer("theta_max", torch.tensor(self.config.theta_max, device=device))
            self.register_buffer("k_q", torch.tensor(1.0, device=device))
        self.homeostasis_frozen = False
        self._training_run = False
        self._group = None
        # Where the draws of later runs begin, if a checkpoint says so: of the next run; and of those after it, by a seed of
        # the layer's own (qlif::next_run).
        self._next_draws: Optional[Tensor] = None
        self._series: Optional[Tensor] = None
        # The run so far: the state, (S, B, N); spikes and spike values of the last call, (T, B, N); where the next
        # draws begin.
        self._run_so_far: _RunSoFar = (self._fresh, self._fresh, None, torch.zeros(4, dtype=torch.int64))
        self.resize(batch_size)

    def _configure(self, arguments: Dict[str, Any]) -> None:
        config = _configuration(arguments)
        self._arguments = arguments
        self.config = config
        self._table = config._model()
        self._symbols = {variable.symbol: i for i, variable in enumerate(self._table.variables)}
        self._averaged = slice(self._symbols["rate"], self._symbols["rate"] + 2)
        self._homeostatic = config.homeostasis_enabled
        self._modulated = config.neuromod_mode != "OFF"
        self._traces = {trace.symbol: i for i, trace in enumerate(self._table.traces)}
        rounds = config.decision == "SIGMOID" and "sampling" not in (arguments["options"] or {})
        tested = config.replace(sampling="ROUND") if rounds else config
        # The text of the configuration by whether the layer is in training and whether the modulation is transformed
        # here.
        self._texts = {
            (training, own): str(each.replace(neuromod_transform="IDENTITY") if own else each)
            for training, each in ((True, config), (False, tested))
            for own in (True, False)
        }

    # ------------------------------------------------------------ state

    @property
    def _state(self) -> Tensor:
        return self._run_so_far[0]

    @property
    def _draws(self) -> Tensor:
        return self._run_so_far[3]

    def _variable(self, symbol: str) -> Tensor:
        return self._state[self._symbols[symbol]]

    @property
    def spikes(self) -> Tensor:
        """The spikes of the last step, bool, (B, N)."""
        state, spikes, _, _ = self._run_so_far
        return spikes[-1] if spikes.shape[0] > 0 else torch.zeros_like(state[0], dtype=torch.bool)

    @property
    def batch_size(self) -> int:
        """The batch size of the state."""
        return self._state.shape[1]

    @property
    def dynamic_spike_probability(self) -> Optional[_DynamicSpikeProbability]:
        """The trace that flattens the slope of the spike probability; None where it is off."""
        return _DynamicSpikeProbability(self) if self.config.dynamic_probability else None

    @property
    def seed(self) -> int:
        """The seed of the draws of this run."""
        return int(self._draws[0]) % 2**64

    def reset(self) -> None:
        """Starts a fresh state of the same batch size, and with it other draws."""
        self._begin(self._state.shape[1])

    def resize(self, batch_size: int, device: Union[None, str, torch.device] = None) -> None:
        """Starts a fresh state with this many rows, and new draws. device: moves the whole layer there; None: it
        stays."""
        if device is not None:
            self.to(device)
        self._begin(_whole("batch_size", batch_size))

    def _begin(self, rows: int) -> None:
        self._end_run()
        draws = self._start_draws(rows)
        spikes = torch.zeros((1, rows, self.num_neurons), dtype=torch.bool, device=self._fresh.device)
        self._run_so_far = (self._start_state(rows), spikes, None, draws)

    def _end_run(self) -> None:
        """Takes the homeostasis of a run that was training into the statistics."""
        if self._training_run:
            self._training_run = False
            self._move_statistics(self._state)

    def _keep(self, run: _RunSoFar) -> None:
        if torch.compiler.is_compiling():
            self._run_so_far = run
        else:
            # As the line above, without what a module does for parameters among its attributes.
            self.__dict__["_run_so_far"] = run

    def _release_values(self) -> None:
        """Releases the last run's spike values, so that the next run can reuse their memory, which is in the caches."""
        state, spikes, _, draws = self._run_so_far
        self.__dict__["_run_so_far"] = (state, spikes, None, draws)

    def _start_state(self, rows: int) -> Tensor:
        return _fresh_state(self._buffers["_fresh"], rows)

    def _start_draws(self, rows: int, row_index: Optional[Tensor] = None, evaluation: bool = False) -> Tensor:
        if self.process_group is not None:
            if self._group is None:
                self._group = _parallel.Group(self.process_group, self.generator)
            return self._group.draws(rows, self.num_neurons, row_index)
        # An exported program keeps no position, so that it draws a seed at each run.
        if not torch.compiler.is_exporting():
            if self._next_draws is not None:
                draws, self._next_draws = self._next_draws, None
                return draws
            if self._series is not None:
                return _next_run(self._series, evaluation)
        return _start(self._draws, self.generator)

    # ------------------------------------------------------------ homeostasis

    @property
    def _moves_statistics(self) -> bool:
        return self._homeostatic and self.training and not self.homeostasis_frozen

    def freeze_homeostasis(self, frozen: bool = True) -> None:
        """Stops, or with False resumes, updates of the means of homeostasis, which training carries from run to run. While
        they change, torch.utils.checkpoint recomputes a run from other means than the run had."""
        self.homeostasis_frozen = bool(frozen)

    @property
    def statistics(self) -> Tensor:
        """The means over the batch of firing rate and homeostatic offset, (2, N), from which a run starts."""
        return self._fresh[self._averaged]

    def _move_statistics(self, state: Tensor) -> None:
        last = state.detach() if state.requires_grad else state
        if self._group is None:
            _move_statistics(self._buffers["_fresh"], last, self._averaged.start, 2)
        else:
            means = self._group.means(_batch_sums(last[self._averaged]), last.shape[1])
            self._fresh[self._averaged].copy_(means)

    # ------------------------------------------------------------ calls

    def _modulation(self, value: Any) -> Optional[Tensor]:
        if value is None or not self._modulated:
            return None
        try:
            modulation = value if isinstance(value, Tensor) else torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as refused:
            raise TypeError(
                f"external_modulation: got {type(value).__name__}, expected a tensor or numbers: {refused}"
            ) from refused
        modulation = modulation.to(device=self._fresh.device, dtype=torch.float32)
        if self.neuromod_transform is None:
            return modulation
        with torch.autocast(modulation.device.type, enabled=False):
            transformed = self.neuromod_transform(modulation)
        if not isinstance(transformed, Tensor):
            raise TypeError(f"neuromod_transform: got {type(transformed).__name__} of it, expected a tensor")
        return transformed.float()

    def _run(
        self,
        input: Tensor,
        modulation: Optional[Tensor],
        state: Optional[Tensor],
        draws: Tensor,
        row_index: Optional[Tensor],
        uniforms: Optional[Tensor],
        normals: Optional[Tensor],
        traces: int,
    ) -> Tuple[Tensor, ...]:
        text = self._texts[self.training, self.neuromod_transform is not None]
        # Read from the module's own dictionaries: attribute access takes half a microsecond each.
        learned, fixed = self._parameters, self._buffers
        parameters = [
            learned[name] if name in learned else fixed[name] if name in fixed else getattr(self, name)
            for name in ("V_th", "tau", "eta" if fixed["_no_eta"] is None else "_no_eta", "q_scale", "q_bias")
        ]
        for each in parameters:
            if each.dtype is not torch.float32:
                parameters = [other.float() for other in parameters]
                break
        return _run(
            input, parameters, modulation, state, draws, row_index, uniforms, normals, text, traces, False, self._dtype
        )

    def forward(
        self,
        I: Tensor,  # noqa: E741  the public package's name
        external_modulation: Any = None,
        *,
        uniforms: Optional[Tensor] = None,
        normals: Optional[Tensor] = None,
    ) -> Tensor:
        """One time step with the current I, (B, N); returns the spikes, bool, (B, N).

        external_modulation broadcasts to (B, N), goes through the transform and stays in force for later calls without
        one. uniforms, normals: (B, N), replace the draws (uniforms for "multi_qubit": (quantum_wire, B, N)).
        """
        if torch.compiler.is_exporting():
            # The state of now would become a constant of the program.
            raise NotImplementedError(
                "QLIF: torch.export was asked for, and its programs keep no state from call to call: export QLIFLayer"
            )
        current = _input("I", I, "BN", self.num_neurons, self._fresh)
        state, _, _, draws = self._run_so_far
        if current.shape[0] != state.shape[1]:
            if self.process_group is not None:
                # Another rank may go on with the batch that it had, and wait for this one for ever.
                raise ValueError(
                    f"I: got a batch of {current.shape[0]}, expected the state's {state.shape[1]}: "
                    "with a process_group, call resize on every rank"
                )
            self._begin(current.shape[0])
            state, _, _, draws = self._run_so_far
        modulation = self._modulation(external_modulation)
        if modulation is not None and modulation.dim() > 2:
            raise ValueError(
                f"external_modulation: got the shape {tuple(modulation.shape)}, expected one that broadcasts to {tuple(I.shape)}"
            )
        spikes, values, _, last, _, following, _ = self._run(
            current.unsqueeze(0),
            modulation,
            state,
            draws,
            None,
            None if uniforms is None else uniforms.unsqueeze(0),
            None if normals is None else normals.unsqueeze(0),
            0,
        )
        self._keep((last, spikes, values, following))
        if self._moves_statistics and not self._training_run:
            self._training_run = True
        return spikes[0]

    def init_quantum(self, p0: float = 0.02, slope0: float = 0.10) -> None:
        """Sets q_scale and q_bias so that a neuron at its threshold fires with probability p0, which rises by slope0
        for a potential higher by 1 (docs/model.md, section 7)."""
        try:
            config = self.config.replace(initial_probability=p0, initial_slope=slope0, q_scale=None, q_bias=None)
        except ValueError as refused:
            raise ArgumentError(
                str(refused).replace("initial_probability: ", "p0: ").replace("initial_slope: ", "slope0: ")
            ) from refused
        with torch.no_grad():
            self.q_scale.fill_(config.parameter_default("q_scale"))
            self.q_bias.fill_(config.parameter_default("q_bias"))
            self._qnode_ready.fill_(1)

    # ------------------------------------------------------------ saving, copying, moving

    def _scalars(self) -> Dict[str, str]:
        """What state_dict holds of the configuration: names, and the arguments or options that they are."""
        named = {
            "tau_ref": "tau_ref",
            "r_jump": "r_jump",
            "tau_ahp": "tau_ahp",
            "g_ahp": "g_ahp",
            "ahp_jump": "ahp_jump",
        }
        if self.config.dynamic_probability:
            named["dynamic_spike_probability.tau_adapt"] = "tau_adapt"
        return named

    def _saved_state(self) -> Dict[str, str]:
        named = dict(self._VARIABLES)
        if self.config.dynamic_probability:
            named["dynamic_spike_probability.adaptation"] = "dsp"
        return named

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name, symbol in self._saved_state().items():
            destination[prefix + name] = self._variable(symbol).detach().clone()
        destination[prefix + "spikes"] = self.spikes.detach().clone()
        for name, option in self._scalars().items():
            destination[prefix + name] = torch.tensor(
                getattr(self.config, option), dtype=torch.float32, device=self._fresh.device
            )
        if self.config.homeostasis_enabled:
            destination[prefix + "statistics"] = self.statistics.detach().clone()
        destination[prefix + "draws"] = self._draws.clone()
        if self._series is not None:
            destination[prefix + "series"] = self._series.clone()

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        own = {}
        for name in (
            *self._saved_state(),
            *self._scalars(),
            "spikes",
            "statistics",
            "draws",
            "series",
            "k_q",
            "theta_max",
            "_qnode_ready",
            # The later snapshot keeps these of qubit neurons, too, and never reads them.
            *(_DYNAMIC if self._arguments["allow_dynamic_spike_probability"] else ()),
        ):
            if prefix + name in state_dict and (
                name not in self._buffers or name in ("k_q", "theta_max", "_qnode_ready")
            ):
                own[name] = state_dict[prefix + name]
        rest = {
            key: value
            for key, value in state_dict.items()
            if key[len(prefix) :] not in own or not key.startswith(prefix)
        }
        later: List[str] = []
        super()._load_from_state_dict(rest, prefix, local_metadata, strict, later, unexpected_keys, error_msgs)
        missing_keys.extend(key for key in later if key[len(prefix) :] not in own)
        needed = [name for name in (*self._saved_state(), *self._scalars(), "spikes") if name not in self._OWN]
        missing_keys.extend(prefix + name for name in needed if name not in own)
        self._load_scalars(own, prefix, error_msgs)
        self._load_state(own, prefix, error_msgs)

    def _load_scalars(self, own: Mapping[str, Tensor], prefix: str, problems: List[str]) -> None:
        changed = {}
        for name, option in {
            **self._scalars(),
            **({"theta_max": "theta_max"} if "theta_max" in self._buffers else {}),
        }.items():
            if name in own:
                if not isinstance(own[name], Tensor) or own[name].numel() != 1:
                    problems.append(f"{prefix}{name}: got {own[name]!r}, expected one number")
                    continue
                value = float(own[name])
                if torch.tensor(value, dtype=torch.float32) != torch.tensor(
                    getattr(self.config, option), dtype=torch.float32
                ):
                    changed[option] = value
        if changed:
            arguments = dict(self._arguments)
            options = dict(arguments["options"] or {})
            by_option = {option: name for name, option in _OPTIONS.items()}
            for option, value in changed.items():
                if option in by_option and option not in options:
                    arguments[by_option[option]] = value
                else:
                    options[option] = value
            arguments["options"] = options or None
            try:
                self._configure(arguments)
            except ValueError as refused:
                problems.append(f"{prefix[:-1] or 'QLIF'}: {refused}")
        for name in ("k_q", "theta_max", "_qnode_ready"):
            if name in own and name in self._buffers and own[name].numel() == 1:
                with torch.no_grad():
                    self._buffers[name].copy_(own[name].reshape(()))

    def _load_state(self, own: Mapping[str, Tensor], prefix: str, problems: List[str]) -> None:
        if "series" in own:
            series = torch.zeros(4, dtype=torch.int64)
            if self._take("series", own["series"], (4,), prefix, problems, series):
                self._series = series
        if "statistics" in own and self.config.homeostasis_enabled:
            self._take(
                "statistics", own["statistics"], (2, self.num_neurons), prefix, problems, self._fresh[self._averaged]
            )
        if "V" not in own:
            return
        rows = own["V"].shape[0] if isinstance(own["V"], Tensor) and own["V"].dim() == 2 else 0
        state = self._start_state(rows).detach()
        spikes = torch.zeros((rows, self.num_neurons), dtype=torch.bool, device=state.device)
        shape = (rows, self.num_neurons)
        fine = True
        for name, symbol in self._saved_state().items():
            if name in own:
                fine &= self._take(name, own[name], shape, prefix, problems, state[self._symbols[symbol]])
        if "spikes" in own:
            fine &= self._take("spikes", own["spikes"], shape, prefix, problems, spikes)
        if "draws" in own and fine:
            draws = torch.zeros(4, dtype=torch.int64)
            fine &= self._take("draws", own["draws"], (4,), prefix, problems, draws)
        else:
            draws = self._draws
        if fine:
            self._run_so_far, self._training_run = (state, spikes.unsqueeze(0), None, draws), False

    def _take(
        self, name: str, value: Any, shape: Tuple[int, ...], prefix: str, problems: List[str], to: Tensor
    ) -> bool:
        if not isinstance(value, Tensor) or tuple(value.shape) != shape:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            problems.append(f"size mismatch for {prefix}{name}: got {got}, expected {shape}")
            return False
        with torch.no_grad():
            to.copy_(value)
        return True

    def __getstate__(self):
        state = super().__getstate__() if hasattr(super(), "__getstate__") else self.__dict__
        state = dict(state)
        # A copy starts a graph of its own, and a process group belongs to its process.
        state["_run_so_far"] = (self._state.detach(), self.spikes.unsqueeze(0), None, self._draws)
        state["process_group"] = state["_group"] = None
        return state

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        with torch.no_grad():
            self._fresh = self._fresh.float()
            last, spikes, _, draws = self._run_so_far
            self._run_so_far = (fn(last).float(), fn(spikes), None, draws)
        return self

    def extra_repr(self) -> str:
        preset = self._arguments["preset"]
        return f"{self.num_neurons}, {self.config}{f', preset={preset}' if preset else ''}{_shown(self._dtype)}"


def _state_property(name: str, symbol: str) -> property:
    def read(self: QLIF) -> Tensor:
        value = self._variable(symbol)
        return value if name != "spike_values" or self._dtype is None else value.to(self._dtype)

    return property(read, doc=f"{symbol} after the last step, (B, N).")


for _name, _symbol in QLIF._VARIABLES.items():
    setattr(QLIF, _name, _state_property(_name, _symbol))
for _name in _OPTIONS:
    setattr(QLIF, _name, _argument(_name))


class QLIFLayer(nn.Module):
    """QLIF neurons that do all time steps in one fused call, a drop-in replacement for QLIF-Neurons' `QLIFLayer`: the
    same arguments and defaults, which are those of `QLIF`; the neurons are at `.qlifs`.

        >>> layer = qlif.torch.QLIFLayer(128)
        >>> spikes, voltages = layer(sequence)          # (T, B, 128) in, and out: bool, float32
        >>> layer.spike_values                          # (T, B, 128), differentiable: what the next layer consumes

    Every call starts from a fresh state, with a new seed from PyTorch's CPU generator (or `generator`).

    process_group: of torch.distributed, for data-parallel training: each rank passes its part of the batch, rank 0 the
    first, and all ranks together fire the same spikes, bit for bit, as one process (a group of one rank) with the whole
    batch. Rank 0's seed is sent to all once and runs are counted, so every rank must make the same layers and calls,
    including resets; homeostasis' means are those of all rows of all ranks. `row_index` gives the rows' indices if they
    are not in order. Gradients are those of each rank, for DistributedDataParallel or all_reduce to add up.
    """

    def __init__(self, num_neurons: int, *arguments: Any, **named: Any):
        super().__init__()
        self.qlifs = QLIF(num_neurons, *arguments, **named)

    @classmethod
    def of(cls, neurons: QLIF) -> "QLIFLayer":
        """A layer that shares existing neurons."""
        if not isinstance(neurons, QLIF):
            raise TypeError(f"neurons: got {type(neurons).__name__}, expected a QLIF")
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        made.qlifs = neurons
        return made

    @property
    def num_neurons(self) -> int:
        """N."""
        return self.qlifs.num_neurons

    @property
    def spike_values(self) -> Optional[Tensor]:
        """y of all steps of the last call, (T, B, N), differentiable; None before the first call, after a reset and after
        a refused call."""
        return self.qlifs._run_so_far[2]

    def reset(self) -> None:
        """Starts a fresh state, as the next call does anyway."""
        self.qlifs.reset()

    def freeze_homeostasis(self, frozen: bool = True) -> None:
        """`QLIF.freeze_homeostasis`."""
        self.qlifs.freeze_homeostasis(frozen)

    def forward(
        self,
        input_seq: Tensor,
        external_modulation: Any = None,
        return_extras: bool = False,
        *,
        row_index: Optional[Tensor] = None,
        uniforms: Optional[Tensor] = None,
        normals: Optional[Tensor] = None,
    ) -> Union[Tuple[Tensor, Tensor], Tuple[Tensor, Tensor, Dict[str, Tensor]]]:
        """Runs all steps of input_seq, (T, B, N); returns (spikes, voltages), bool and float32, (T, B, N). The voltages
        carry the graph.

        external_modulation[t] broadcasts to (B, N). return_extras: adds a dict with more results for all steps,
        (T, B, N) each: spike_values, which carry the graph, and traces, which do not: in qubit mode q_scale_trace and
        adaptation_current_trace, with dynamic spike probability adaptation_trace and alpha_eff_trace.
        row_index: (B), int64, the index of each row in the whole batch, which determines its draws. uniforms
        ((T, B, N), for "multi_qubit" (T, quantum_wire, B, N)) and normals ((T, B, N)) replace the draws.
        """
        return self._forward(input_seq, external_modulation, return_extras, None, row_index, uniforms, normals)

    def _forward(
        self,
        input_seq: Tensor,
        external_modulation: Any,
        return_extras: bool,
        draws: Optional[Tensor],
        row_index: Optional[Tensor],
        uniforms: Optional[Tensor],
        normals: Optional[Tensor],
    ) -> Any:
        """draws: where the draws begin; None: where those of the next run do."""
        neurons = self._modules["qlifs"]
        fresh = neurons._buffers["_fresh"]
        current = _input("input_seq", input_seq, "TBN", neurons.num_neurons, fresh)
        steps, rows = current.shape[0], current.shape[1]
        modulation = self._modulation(external_modulation, steps)
        if draws is None:
            draws = neurons._start_draws(rows, row_index, not self.training)
        # One for all rows. A copy, since the means move before a backward pass reads it, and by an operator of ours: a compiler would make
        # a clone anew for the backward pass, of the means as they are then.
        state = _fresh_state(fresh, 1) if neurons._homeostatic else None
        traces = 0
        if return_extras:
            traces = self._extras_traced()
        if not torch.compiler.is_compiling():
            neurons._release_values()
        spikes, values, voltages, last, traced, following, _ = neurons._run(
            current, modulation, state, draws, row_index, uniforms, normals, traces
        )
        if neurons._moves_statistics:
            neurons._move_statistics(last)
        if not torch.compiler.is_exporting():
            neurons._keep((last, spikes, values, following))
            if neurons._training_run:
                neurons._training_run = False
        if not return_extras:
            return spikes, voltages
        return spikes, voltages, {"spike_values": values, **self._extras(traced)}

    def _modulation(self, value: Any, steps: int) -> Optional[Tensor]:
        if value is None or not self.qlifs._modulated:
            return None
        if not isinstance(value, Tensor):
            value = torch.stack([torch.as_tensor(each, dtype=torch.float32) for each in value]) if steps else None
            if value is None:
                return None
        if not 1 <= value.dim() <= 3 or value.shape[0] < steps:
            raise ValueError(
                f"external_modulation: got the shape {tuple(value.shape)}, expected ({steps}, ...) to broadcast to (T, B, N)"
            )
        value = value[:steps]
        modulation = self.qlifs._modulation(value)
        if modulation.dim() < 1 or modulation.dim() > 3 or modulation.shape[0] not in (1, steps):
            raise ValueError(
                f"neuromod_transform: got the shape {tuple(modulation.shape)} of it, expected ({steps}, ...)"
            )
        return modulation.reshape(modulation.shape[0], *[1] * (3 - modulation.dim()), *modulation.shape[1:])

    def _extras_traced(self) -> int:
        config, numbers = self.qlifs.config, self.qlifs._traces
        wanted = []
        if config.decision == "QUBIT":
            wanted += ["slope", "adaptation"]
        if config.dynamic_probability:
            wanted += ["dsp"]
            if config.decision == "SIGMOID":
                wanted += ["slope"]
        return functools.reduce(lambda bits, symbol: bits | 1 << numbers[symbol], wanted, 0)

    def _extras(self, traced: Tensor) -> Dict[str, Tensor]:
        config, numbers = self.qlifs.config, self.qlifs._traces
        bits = self._extras_traced()
        symbols = [symbol for symbol, number in sorted(numbers.items(), key=lambda each: each[1]) if bits >> number & 1]
        rows = dict(zip(symbols, traced))
        extras = {}
        if config.decision == "QUBIT":
            extras["q_scale_trace"] = rows["slope"]
            extras["adaptation_current_trace"] = rows["adaptation"]
        if config.dynamic_probability:
            extras["adaptation_trace"] = rows["dsp"]
            if config.decision == "SIGMOID":
                extras["alpha_eff_trace"] = rows["slope"]
            else:
                slope = config.base_alpha / (1 + rows["dsp"]).clamp(min=1e-6)
                extras["alpha_eff_trace"] = slope.clamp(config.min_alpha, config.max_alpha)
        return extras


class LIF(nn.Module):
    """The classic current-based leaky integrate-and-fire neuron, as in Norse's `lif_feed_forward_step`, with all time
    steps in one fused call: docs/model.md, section 11.

        >>> layer = qlif.torch.LIF(128)
        >>> spikes, voltages = layer(sequence)          # (T, B, 128) in, and out: bool, float32
        >>> layer.spike_values                          # 0 or 1, with the surrogate's gradient: what the next layer consumes

    tau_syn_inv and tau_mem_inv are rates per unit of dt (1/s), v_th a potential; `learnable` names which of the three
    are parameters, (N) each. surrogate: "superspike" (or "fast_sigmoid"), "heaviside", "gaussian", "arctan". It
    draws nothing. Every call starts from zeros, or from `state`, (2, B, N), potential and current, such as
    `layer.state` of the call before. dtype: of the spike values, as QLIF's.
    """

    def __init__(
        self,
        num_neurons: int,
        tau_syn_inv: float = 200.0,
        tau_mem_inv: float = 100.0,
        v_th: float = 1.0,
        *,
        dt: float = 0.001,
        v_leak: float = 0.0,
        v_reset: float = 0.0,
        surrogate: str = "superspike",
        alpha: float = 100.0,
        learnable: Sequence[str] = (),
        device: Union[str, torch.device] = "cpu",
        dtype: Optional[torch.dtype] = None,
    ):
        super().__init__()
        self.num_neurons = _whole("num_neurons", num_neurons)
        named = isinstance(surrogate, str) and surrogate.lower() == "superspike"
        kind = "FAST_SIGMOID" if named else _choice("surrogate", surrogate, LifConfig, "surrogate", "superspike")
        try:
            self.config: NeuronConfig = LifConfig(
                dt=dt,
                v_leak=v_leak,
                v_reset=v_reset,
                surrogate=kind,
                surrogate_alpha=alpha,
                tau_syn_inv=tau_syn_inv,
                tau_mem_inv=tau_mem_inv,
                v_th=v_th,
            )
        except ValueError as refused:
            raise ArgumentError(str(refused).replace("surrogate_alpha: ", "alpha: ", 1)) from refused
        self._dtype = _type(dtype)
        self._text = str(self.config)
        self._names = tuple(self.config._model().parameters)
        unknown = [each for each in learnable if each not in self._names]
        if unknown or isinstance(learnable, str):
            raise _refuse("learnable", learnable, f"some of {', '.join(self._names)}")
        for each in self._names:
            values = torch.full((self.num_neurons,), self.config.parameter_default(each), device=torch.device(device))
            if each in learnable:
                self.register_parameter(each, nn.Parameter(values))
            else:
                self.register_buffer(each, values)
        # LIF draws nothing.
        self._draws = torch.zeros(4, dtype=torch.int64)
        self._spike_values: Optional[Tensor] = None
        self._state: Optional[Tensor] = None
        # Of a state from a checkpoint: the index of the step that it comes before.
        self.step = 0

    @property
    def spike_values(self) -> Optional[Tensor]:
        """The spikes of the last call as numbers, (T, B, N), differentiable; None before the first call."""
        return self._spike_values

    @property
    def state(self) -> Optional[Tensor]:
        """Potential and current after the last call, (2, B, N), differentiable; None before the first call."""
        return self._state

    def forward(
        self, input_seq: Tensor, state: Optional[Tensor] = None, *, first_step: int = 0
    ) -> Tuple[Tensor, Tensor]:
        """Runs all steps of input_seq, (T, B, N); returns (spikes, voltages), bool and float32, (T, B, N). The voltages
        carry the graph.

        first_step: the number of earlier steps if `state` continues a run: before every 64th step, tiny values of the
        state become 0.
        """
        current = _input("input_seq", input_seq, "TBN", self.num_neurons, self.v_th)
        draws = self._draws
        if first_step:
            draws = draws.clone()
            draws[2] = first_step
        parameters = [getattr(self, name) for name in self._names]
        parameters = [each if each.dtype is torch.float32 else each.float() for each in parameters]
        spikes, values, voltages, last, _, _, _ = _run(
            current, parameters, None, state, draws, None, None, None, self._text, 0, dtype=self._dtype
        )
        if not torch.compiler.is_exporting():
            self._spike_values, self._state = values, last
        return spikes, voltages

    def __getstate__(self):
        state = super().__getstate__() if hasattr(super(), "__getstate__") else self.__dict__
        state = dict(state)
        state["_spike_values"] = None
        state["_state"] = None if self._state is None else self._state.detach()
        return state

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        if self._state is not None:
            with torch.no_grad():
                self._state = fn(self._state).float()
        self._spike_values = None
        return self

    def extra_repr(self) -> str:
        return f"{self.num_neurons}, {self.config}{_shown(self._dtype)}"


class PackedSpikes(NamedTuple):
    """Spikes as bits, in 1/8 of the memory of bytes: the result of `pack`, an input of `SpikeLinear`.

    words: int64, (T, ceil(B * K / 64)); element e = b * K + k of a step is bit e mod 64 of word e div 64, as in qlif.h and
    on the JVM. shape: (T, B, K).
    """

    words: Tensor
    shape: Tuple[int, int, int]

    def unpack(self) -> Tensor:
        """The spikes as bool, (T, B, K)."""
        steps, batch, inputs = self.shape
        places = torch.arange(8, dtype=torch.uint8, device=self.words.device)
        bits = self.words.reshape(-1).view(torch.uint8).unsqueeze(-1) >> places & 1
        return bits.reshape(steps, 64 * self.words.shape[1])[:, : batch * inputs].reshape(self.shape).bool()


def pack(spikes: Tensor) -> PackedSpikes:
    """Packs spikes, (T, B, K), into bits: each value that is not 0 is a spike.

    >>> input = qlif.torch.pack(torch.rand(20, 128, 784) < 0.1)
    >>> current = qlif.torch.SpikeLinear(784, 512)(input)
    """
    if not isinstance(spikes, Tensor) or spikes.dim() != 3:
        got = f"{tuple(spikes.shape)}" if isinstance(spikes, Tensor) else type(spikes).__name__
        raise ValueError(f"spikes: got {got}, expected a tensor of shape (T, B, K)")
    steps, batch, inputs = spikes.shape
    words = (batch * inputs + 63) // 64
    bits = torch.zeros((steps, words * 64), dtype=torch.uint8, device=spikes.device)
    bits[:, : batch * inputs] = (spikes != 0).reshape(steps, batch * inputs)
    places = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128], dtype=torch.uint8, device=spikes.device)
    packed = (bits.view(steps, words * 8, 8) * places).sum(-1, dtype=torch.uint8)
    return PackedSpikes(packed.reshape(-1).view(torch.int64).reshape(steps, words), (steps, batch, inputs))


class SpikeLinear(nn.Module):
    """A linear layer driven by spikes, a drop-in replacement for `torch.nn.Linear`: the same arguments, initial values
    and names in `state_dict`. Output and gradients have the same order of additions on every device and for any number
    of threads (docs/numerics.md). It adds up the weights of the inputs that spiked, which is faster than a dense product
    if few do.

        >>> linear = qlif.torch.SpikeLinear(784, 128)
        >>> current = linear(spikes)                    # (T, B, 784) in, bool, uint8 or float32; (T, B, 128) out

    Inputs are (K), (B, K) or (T, B, K), or bits, `pack(spikes)`; bytes and booleans count as 0 or 1, other numbers are
    multiplied. If an input is 0, its weights, even NaN, do not affect the output.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Union[None, str, torch.device] = None,
        dtype: Optional[torch.dtype] = None,
    ):
        super().__init__()
        self.in_features = _whole("in_features", in_features)
        self.out_features = _whole("out_features", out_features)
        if dtype not in (None, torch.float32):
            raise _refuse("dtype", dtype, "torch.float32, or None")
        # (M, K) as nn.Linear has it, but in memory as (K, M), which is how it is read.
        self.weight = nn.Parameter(torch.empty((in_features, out_features), device=device, dtype=torch.float32).t())
        self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=torch.float32)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the initial values of nn.Linear, with the same draws."""
        with torch.no_grad():
            # nn.Linear fills its weight in the order of (M, K).
            drawn = torch.empty((self.out_features, self.in_features), device=self.weight.device)
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5))
            self.weight.copy_(drawn)
            if self.bias is not None:
                bound = 1 / math.sqrt(self.in_features)
                nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Union[Tensor, PackedSpikes]) -> Tensor:
        """Returns weight times the input, plus bias: (..., out_features), float32."""
        if isinstance(input, PackedSpikes):
            if len(input.shape) != 3 or input.shape[2] != self.in_features or input.words.shape[0] != input.shape[0]:
                raise ValueError(f"input: got bits of the shape {input.shape}, expected (T, B, {self.in_features})")
            return self._product(input.words, input.shape[1])
        if not isinstance(input, Tensor):
            raise TypeError(f"input: got {type(input).__name__}, expected a tensor")
        if not 1 <= input.dim() <= 3 or input.shape[-1] != self.in_features:
            raise ValueError(
                f"input: got the shape {tuple(input.shape)}, expected (T, B, {self.in_features}), with or without T and B"
            )
        if input.device.type not in ("cpu", "cuda", "meta"):
            raise NotImplementedError(
                f"input: got a tensor on {input.device}: SpikeLinear runs on the CPU and on CUDA devices; use nn.Linear there"
            )
        if input.is_complex():
            raise TypeError(f"input: got {input.dtype}, expected real numbers")
        shape = input.shape
        if input.dtype not in (torch.float32, torch.bool, torch.uint8):
            input = input.float()
        if len(shape) < 3:
            input = input.reshape([*[1] * (3 - len(shape)), *shape])
        output = self._product(input, 0)
        return output if len(shape) == 3 else output.reshape([*shape[:-1], self.out_features])

    def _product(self, input: Tensor, rows: int) -> Tensor:
        weight, bias = self.weight, self.bias
        if weight.dtype is not torch.float32:
            weight, bias = weight.float(), None if bias is None else bias.float()
        return _linear(input, weight, bias, rows)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
