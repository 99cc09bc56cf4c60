"""Words of which English has a fixed number, and lists and endings that tell the others apart without a tagger.

What stands here was written for this project; it is no lexicon. Words are lower-case, as AVSD's and LSMDC's are.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLOSED = _words(
    # Determiners, pronouns and what stands for them.
    """
    a an the this that these those such each every either neither both all any some no none another other others
    half several many much more most few fewer less least enough own same i me my mine myself you your yours
    yourself yourselves he him his himself she her hers herself it its itself we us our ours ourselves they them
    their theirs themselves one ones oneself who whom whose which what whatever whoever whichever someone
    somebody something anyone anybody anything everyone everybody everything nobody nothing there here where
    when why how wherever whenever
    """
    # Prepositions, particles and conjunctions.
    """
    of in on at by for with without within from to into onto out off up down over under above below about across
    after against along among around as before behind beneath beside besides between beyond despite during
    except inside like near next outside past per since than through throughout till toward towards until unto
    upon via and or but nor so yet if because while although though unless whether once plus back away together
    apart aside ahead
    """
    # Auxiliaries and modal verbs, whole and as they are cut apart.
    """
    be am is are was were been being have has had having do does did doing done can could may might must shall
    should will would ought need dare cannot wo ca ai gonna gotta wanna 's 'm 're 've 'll 'd n't not isn't
    aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't haven't hasn't hadn't shouldn't
    it's he's she's that's there's i'm i've they're you're we're let's isnt arent wasnt werent dont doesnt didnt
    cant couldnt wont wouldnt havent hasnt hadnt shouldnt im ive theyre youre
    't 'nt 'mnot don doesn didn isn aren wasn weren couldn wouldn shouldn hasn haven hadn won ain thats whats theres
    hes shes
    """
    # Numbers and what is said for its own sake.
    """
    zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million first
    second third fourth fifth sixth seventh eighth ninth tenth yes yeah yep yup nope nah ok okay oh ah uh um hmm
    hi hello hey bye please thanks thank sorry etc <unk>
    """
)
"""Auxiliaries are among them wherever they stand: that "has" is the verb of its sentence names nothing to be seen."""

ADVERBS = _words("""
    again ago almost already also always anymore anyway anywhere apparently backward backwards downstairs else
    even ever everywhere exactly far forever forward forwards home however indeed indoors instead just later
    maybe meanwhile mostly never now nowhere often only outdoors perhaps possibly quite rather really right-away
    seldom sideways simply sometimes somewhat somewhere soon still straight then therefore thus today tomorrow
    tonight too twice upright upstairs very well yesterday
""")

ADJECTIVES = _words("""
    able afraid alive alone angry asleep awake aware bad bare basic beautiful best better big bitter black blank
    blond blonde blue bold bored brave brief bright broad brown busy calm careful casual cheap clean clear
    clever close cold common complete cool correct curious curly cute dark dead deep different difficult dirty
    double dry dull eager early easy elderly empty entire exact excited extra fair familiar fast fat female fine
    firm flat flowery free fresh friendly front full funny gentle glad gold golden good grand gray great green
    grey grown happy hard healthy heavy high hot huge hungry ill inner interesting keen kind large last late
    lazy left-hand light little lonely long loose loud lovely low mad main male messy mild modern narrow nasty
    natural neat nervous new nice normal odd old open orange ordinary outer pale pink plain pleasant poor
    possible pretty proud pure purple quick quiet rare raw ready real red regular rich right-hand rough round
    rude sad safe sharp shiny short shy sick silent silly silver similar simple single sleepy slim slow small
    smart smooth soft special square-shaped steep strange strong sudden sure sweet tall tan tender thick thin
    tidy tight tiny tired total true typical ugly unable unknown upper upset usual visible warm weak weird wet
    whole wide wild wise wooden wrong yellow young
""")

VERBS = _words("""
    appear appears ask asks ate began begin begins believe believes bent blew bought break breaks bring brings
    broke brought built came carries carry caught choose chooses chose closes come comes consume consumes cried
    cries cry cut dance dances describe describes drank draw drew drive drives drove eat eaten eats enter enters
    exit exits fall falls fed feel feels fell felt find finds flew fold folds follow follows forgot found gave
    get gets give given gives go goes gone got grab grabs grew grin grins guess hang hangs hear heard hears held
    hid hit hold holds hung keep keeps kept kneel kneels knew know knows laid lay lays lean leans leave leaves
    left let lets lie lies lit look looks lost made make makes mean means meet meets met move moves occur occurs
    opens paid pick picks pour pours pull pulls push pushes put puts ran read reads remain remains remove
    removes rise rises rose run runs said sang sat saw say says see seem seems seen sees sell sells send sends
    sent set sets shake shakes shook shown shows shut sing sings sit sits sleep sleeps slept smile smiles sneeze
    sneezes speak speaks spent spoke stand stands stare stares start starts stay stays stood stop stops swept
    swim take taken takes taught tell tells think thinks thought threw throw throws tidies told took tries try
    turn turns undress used walk walks want wants wash washes wear wears went wipe wipes woke wore write writes
    written wrote
""")
"""Irregular forms, and base and third-person forms of verbs that are seldom nouns."""

ADVERB_ENDINGS = ("ly", "wards")
VERB_ENDINGS = ("ing", "ed", "izes", "ises", "ize", "ise")
ADJECTIVE_ENDINGS = ("ful", "less", "ous", "ive", "able", "ible", "ish", "ic", "ical", "esque")
NOT_BY_ENDING = _words("""
    bed belly bible building bully cable cardigan ceiling clinic clothing detective dish dumpling earring
    evening exercise fabric family feed fish fly jelly king lily morning music noise olive painting picnic
    plastic premise prize promise pudding radish railing reed reply ring seed shed sibling size sled spring
    string sunrise supply table thing vegetable wedding weed wing
""")
"""Nouns that end as verbs, adverbs or adjectives do."""
