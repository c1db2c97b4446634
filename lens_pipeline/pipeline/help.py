"""The text of --help: what can be asked for, with examples that run."""

from __future__ import annotations

import re

HELP = """\
lens-pipeline: the hidden activations of any PyTorch model, labelled by layer, pass and stimulus,
compared with each other and with brain data.

  lens-pipeline [COMMAND] [SETTING=VALUE ...]        (the same: python -m lens_pipeline ...)

COMMANDS
  run               the whole job: activations, RDMs, comparisons, tables, figures (the default)
  plan              what run would do: layers, shapes, bytes, memory, draws, time; writes nothing
  validate          proof that the trace of a model is right, operation by operation; exit code 1
                    if not; run.folder=FOLDER also writes every verdict there
  summary           the modules of a model as a table: shape, parameters, FLOPs, time; draw.depth=2
  draw              the graph of a model as graph.svg, or as a page to open and search with
                    draw.file=graph.html; see draw.file and its neighbours below
  list models       models by name, and their weights
  list stimuli      where images can come from
  list brain        brain data that can be compared with by name
  list layers       every layer of a model that can be selected: list layers model=resnet50
  status [FOLDER]   what is done in a run folder, of a sweep's jobs, or under runs/
  repack RUN        one ordinary netCDF file beside the run, RUN.nc, or out=NAME; to=zarr for a Zarr
                    store; compression=auto|none|zstd|zlib; dtype=int16-scaled: half the bytes
  export RUN FORMAT      for brainscore, rsatoolbox, thingsvision or net2brain; layers=A,B for some;
                    out=NAME
  replay RUN        compute a run again from its folder and compare every value; exit code 1 if they
                    differ; tolerance=1e-5 allows that much of a layer's largest value
  report FOLDER     the page of a run or sweep, report.html, made again
  partition RUN_A RUN_B  what each run's RDMs explain of the first one's references alone, and what
                    both do: a table, csv and figure; reference=IT,V1; fit=ordinary; out=NAME
  verify RUN        every shard against its checksum, its ids and the index, every number finite;
                    exit code 1 if not; repair=true makes again what is damaged, and nothing else

START HERE
  lens-pipeline                                      CORnet-S on THINGS
  lens-pipeline model=resnet50 stimuli=folder stimuli.root=my_images
  lens-pipeline plan layers=all postfunction=spatial_mean

SETTINGS (the default comes first; --cfg job shows them all)
  model=cornet_s                  see: list models
    model.weights=default         default, random, a name of the source's, or a FILE
    model.seed=0                  of random weights
    model=torchvision model.name=NAME       any torchvision model; model=timm likewise
    model=custom model.target=package.module:function       your own
  stimuli=things                  things, folder, table, sample
    stimuli.root=FOLDER           the images
    stimuli.table=FILE            csv, tsv or parquet with stimulus_id, filename and labels
    stimuli.on_error=stop         stop, or skip images that cannot be decoded
    stimuli.limit=N               at most N, spread over concepts
    stimuli.cache=auto            keep decoded stimuli for the other models of a sweep; off, or a
                                  folder for all runs; stimuli.cache_size=8GB
  layers=auto                     auto, all, or selectors, in one list:
    layers=[V1.output,V?.output]  outputs of modules, by address or pattern
    layers=[IT.output:2]          one pass of a recurrent layer; :1-3 some, :-1 the last
    layers=[conv2d_3_7,-1]        operations, by label or position
  postfunction=[]                 applied to each output before it is kept, in order:
    postfunction=[spatial_mean]   also flatten, spatial_max, cls, token_mean, srp:5960,
                                  channels:0-63, package.module:function
  rsa.reference=FILE[:KEY]        RDMs or features to compare with (npz, csv, nc, mat, hdf5)
    rsa.align=id                  id: join by stimulus id; position: row i is stimulus i
    rsa.method=correlation        dissimilarity of two stimuli; none for activations alone
    rsa.average=concept           RDMs of a column's values, each the mean over its stimuli
    rsa.measure=spearman          similarity of two RDMs
    rsa.bootstrap=1000            draws for intervals and p-values, by default fewer for large RDMs,
                                  and none that would take hours (see plan); 0 for none; rsa.seed=0
    rsa.resample=auto             dual, both, stimuli, subjects; rsa.interval=0.95
    rsa.correction=fdr            of p-values for their number: fdr, holm, bonferroni, none
    rsa.choose=auto               choose the best layer on one part of: stimuli, both (and
                                  subjects), and score it on another; rsa.parts=2, or none
    rsa.group=concept             column whose stimuli are drawn and parted together
    rsa.fitted=[selected,weighted]          fit to some stimuli and subjects, score on others
    rsa.online=true               keep RDMs and tables, delete the activations once they are made
    rsa.cka=true                  also linear CKA of layers with each other
    rsa.time_mapping=cornet_s     when passes are in ms; or {V1:[50,100],...}: start and step
  brain=none                      human_it92, ... or none with your own data:
    brain.root=FOLDER             where brain.files=[FILE[:KEY]] are: RDMs, or responses of units
    brain.method=crossnobis       of responses with repeats; brain.normalise=multivariate
    brain.regions=[IT]            also brain.subjects, brain.pool, brain.ids=FILE:COLUMN
  encoding=none                   ridge, brain_score: predict units from layers
    encoding.methods=[ridge,pls]  also banded_ridge; encoding.folds, encoding.group=concept
  executor=serial                 serial; dask with executor.workers=N; address with
                                  executor.address=TCP; slurm, pbs, sge with executor.jobs=N
  runtime.device=auto             auto, cpu, cuda, cuda:1
    runtime.mode=exact            bit for bit the eager forward pass; fast: bfloat16 and channels
                                  last where they pay, each layer measured against the exact one
    runtime.compile=false         of the fast mode: torch.compile
  draw.file=graph.svg             of draw: a picture as .svg, .pdf, .png or .dot; the interactive
                                  page as .html; Google's Model Explorer reads .json
    draw.depth=2                  modules nested this deep are one box, 0 opens all; also how deep
                                  summary goes
    draw.module=V4                that one alone, with what leads into and out of it
    draw.rolled=true              false: one box per operation, not per layer
    draw.color=flops              seconds, bytes, ... (any numeric column of the operations); score
    draw.run=FOLDER               a finished run: scores and RDMs in the page, and draw.color=score;
                                  draw.reference=NAME where it has several
    draw.values=true              of the page: small pictures and histograms of values; or false
    draw.direction=up             up, down, right, left
    draw.buffers=auto             auto, all, none
  experiment=NAME                 settings that belong together, from conf/experiment/
  assets=auto                     auto: random weights and bundled images stand in for what is
                                  missing, and every result says so; strict: that is an error
  run.max_disk=SIZE               refuse what would write or take more, as 500GB;
  run.max_memory=SIZE             by default what the disk and the machine have
  run.folder=FOLDER               where results go; default runs/MODEL-STIMULI-DIGEST
  run.compression=auto            auto: zstd for layers with many zeros; none, zstd, zlib
  run.dtype=float32               or int16-scaled: half the bytes, its largest error recorded

RUNNING AGAIN
  The same command goes on where it stopped. What is finished is kept as long as the weights,
  images, layers, postfunctions and seed are the same; anything else is computed again.

SWEEPS, AND THE REST OF HYDRA
  lens-pipeline -m model=alexnet,resnet50 model.seed=0,1       one run folder per combination,
  lens-pipeline zoo=small executor=dask                        one cluster for all of them;
  lens-pipeline plan -m ...  status FOLDER                     zoo: small, classic, recurrent,
                                                               transformers, or your own
  --cfg job   --info   --config-dir FOLDER   +key=value   ~key   hydra.*   --hydra-help

OPTIONS
  -h, --help      this text; after a command that takes no settings, what is said of it here
  --version       the version
  --debug         tracebacks instead of one-sentence errors

IN PYTHON
  from lens_pipeline import open_run
  run = open_run("runs/...");  run.activations["V1.output"];  run.rdms;  run.scores
  run.comparisons, run.choices, run.health, run.cka, run.encoding, run.time: its other tables
  from lens_pipeline import partition;  partition("runs/A", "runs/B"): what each explains alone
"""


def paragraph(command: str) -> str:
    """Return what HELP says of one command."""
    found = re.search(rf"^  {command}\b.*\n(?:   .*\n)*", HELP, re.MULTILINE)
    assert found
    return f"{found[0]}lens-pipeline --help says the rest.\n"
