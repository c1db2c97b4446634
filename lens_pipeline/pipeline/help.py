"""The text of --help: what can be asked for, with examples that run."""

HELP = """\
lens-pipeline: the hidden activations of any PyTorch model, labelled by layer, pass and stimulus,
compared with each other and with brain data.

  lens-pipeline [COMMAND] [SETTING=VALUE ...]        (the same: python -m lens_pipeline ...)

COMMANDS
  run               the whole job: activations, RDMs, comparisons, tables, figures (the default)
  plan              what run would do: layers, shapes, bytes, memory, time; writes nothing
  validate          proof that the trace of a model is right, operation by operation; exit code 1
                    if not; run.folder=FOLDER also writes every verdict there
  list models       models by name, and their weights
  list stimuli      where images can come from
  list layers       every layer of a model that can be selected: list layers model=resnet50
  status [FOLDER]   what is done in a run folder, or in each folder under runs/

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
  layers=auto                     auto, all, or selectors, in one list:
    layers=[V1.output,V?.output]  outputs of modules, by address or pattern
    layers=[IT.output:2]          one pass of a recurrent layer; :1-3 some, :-1 the last
    layers=[conv2d_3_7,-1]        operations, by label or position
  postfunction=[]                 applied to each output before it is kept, in order:
    postfunction=[spatial_mean]   also flatten, spatial_max, cls, token_mean, srp:5960,
                                  channels:0-63, package.module:function
  rsa.reference=FILE[:KEY]        RDMs or features to compare with (npz, csv, nc, mat, hdf5)
    rsa.align=id                  id: join by stimulus id; position: row i is stimulus i
    rsa.method=correlation        dissimilarity of two stimuli
    rsa.measure=spearman          similarity of two RDMs
  executor=serial                 serial, or dask with executor.workers=N or executor.address=TCP
  runtime.device=auto             auto, cpu, cuda, cuda:1
  experiment=NAME                 settings that belong together, from conf/experiment/
  assets=auto                     auto: random weights and bundled images stand in for what is
                                  missing, and every result says so; strict: that is an error
  run.folder=FOLDER               where results go; default runs/MODEL-STIMULI-DIGEST

RUNNING AGAIN
  The same command goes on where it stopped. What is finished is kept as long as the weights,
  images, layers, postfunctions and seed are the same; anything else is computed again.

SWEEPS, AND THE REST OF HYDRA
  lens-pipeline -m model=alexnet,resnet50 model.seed=0,1       one run folder per combination
  --cfg job   --info   --config-dir FOLDER   +key=value   ~key   hydra.*   --hydra-help

OPTIONS
  -h, --help      this text
  --version       the version
  --debug         tracebacks instead of one-sentence errors

IN PYTHON
  from lens_pipeline import open_run
  run = open_run("runs/...");  run.activations["V1.output"];  run.rdms;  run.scores
"""
