/* hints_health.c - words that hint at the state of somebody's health. Pure data.
 *
 * Read by hints.c, which says how a word is written here. A hint is no finding: statement.c judges
 * the sentence that it stands in. English, German, French, Spanish, Italian, Portuguese, Dutch,
 * Polish, Czech and Slovak, Romanian, Swedish, Danish and Norwegian, Finnish, Hungarian.
 */
#include "policy/policy.h"
#include "policy/words/hints.h"

const struct pol_hint_words pol_hints_health[] = {
    {POL_SPECIAL_HEALTH, 1,
     "stroke|heart disease|heart condition|heart problem*|heart surgery|heart transplant|kidney "
     "stone*|kidney transplant|liver disease|lung disease|liver transplant|chronic pain|back "
     "pain|chronic back|panic attack*|panic disorder|eating "
     "disorder|obsessive-compulsive|obsessive compulsive|long "
     "covid|concussion|gallstone*|thyroid*|tinnitus|insomnia|colitis|irritable "
     "bowel|menopaus*|ivf|in vitro|fertility treatment|infertil*|hearing loss|hearing "
     "aid*|cochlear implant|pacemaker|prosthe*|amputat*|paralys*|wheelchair|crutches|broken "
     "leg|broken arm|broken hip|broken wrist|hip replacement|knee replacement|knee surgery|back "
     "surgery|hip surgery|bypass surgery|chemo|radiation "
     "therapy|physiotherap*|detox*|opioid*|heroin|alcoholics anonymous|aa meetings|narcotics "
     "anonymous"},
    {POL_SPECIAL_HEALTH, 1,
     "sick note|sick leave|medical leave|disability pension|disability benefit*|disability "
     "allowance|learning disability|learning difficult*|dyslexi*|tourette*|down syndrome|down's "
     "syndrome|cystic fibrosis|sickle cell|haemophili*|hemophili*|muscular dystrophy|cerebral "
     "palsy|spina "
     "bifida|huntington*|myasthenia|sarcoidos*|scleroderma|gout|shingles|measles|malaria|lyme "
     "disease|mononucleosis|meningit*|sinusit*|tonsillit*|cystit*|mastectom*|hysterectom*|vasectom*"
     "|miscarr*|stillb*|caesarean|c-section|pregnan*|aneurysm|blood clot*|arrhythmia|angina|mental "
     "health|mental illness|mental breakdown|nervous breakdown|self-harm*|suicide attempt|suicidal "
     "thoughts|overdose*|psychot*|hallucinat*|anaphyla*|inhaler|epipen|insulin pump|stoma"},
    {POL_SPECIAL_HEALTH, 1,
     "colostomy|bone marrow|metasta*|palliative|hospice|macular "
     "degeneration|cataract*|retinopath*|legally blind|visually impaired|hearing "
     "impaired|hearing-impaired|sleep apnoea|sleep apnea|high cholesterol|gastric "
     "bypass|bariatric|intensive care|heart "
     "valve|ulcer*|fibroid*|ovarian|prostate|testicular|cervical cancer|breast cancer|lung "
     "cancer|skin cancer|antipsychotic*|sleeping pills|beta blocker*|blood "
     "thinner*|painkiller*|blood pressure|blood sugar|blood "
     "test*|psychiatric|psychiatrist|psychologist|psychotherapist|oncolog*|cardiolog*|neurolog*|"
     "fertility clinic|rehab clinic|addiction*|gambling addict*|postnatal "
     "depression|postpartum|food allergy|peanut allergy|nut allergy|penicillin|lactose "
     "intoleran*|gluten|gender dysphoria|hormone therapy|kidney function|donor kidney|oxygen tank"},
    {POL_SPECIAL_HEALTH, 1,
     "tested positive|carpal tunnel|sciatica|whiplash|post-traumatic stress|hiv "
     "status|t-cell|rheuma*|gicht|nierenstein*|gallenstein*|schilddrüse*|hörsturz|schlafstörung*|"
     "schlaflosigkeit|essstörung*|zwangsstörung*|panikattacke*|panikstörung*|angstzustände*|"
     "persönlichkeitsstörung*|psychose*|wahnvorstellung*|burn-out*|erschöpfungsdepression|"
     "suizidversuch*|selbstmordversuch*|suizidal*|selbstverletz*|alkoholismus|alkoholsucht*|"
     "alkoholkrank*|alkoholproblem*|drogensucht*|drogenabhängig*|spielsucht*|spielsüchtig*|"
     "tablettenabhängig*|medikamentenabhängig*|suchtklinik|entzug*|entgiftung*|entzugsklinik|"
     "anonyme alkoholiker|anonymen "
     "alkoholiker*|krebserkrank*|krebsleiden|krebsdiagnose|darmkrebs*|prostatakrebs*|hautkrebs*|"
     "blutkrebs*|bauchspeicheldrüsenkrebs|leberkrebs|eierstockkrebs|gebärmutterhalskrebs|hirntumor*"
     "|gehirntumor*|metastas*|bestrahlung*"},
    {POL_SPECIAL_HEALTH, 1,
     "strahlenbehandlung|herzfehler|herzschwäche|herzerkrank*|herzkrank*|herzoperation|"
     "herzschrittmacher|herzrhythmusstörung*|bypass-operation|lungenembolie|lungenerkrank*|"
     "nierenerkrank*|nierenkrank*|nierentransplant*|leberzirrhose|lebererkrank*|leberwerte|"
     "multiple sklerose|multipler "
     "sklerose|ms-erkrank*|bandscheibe*|rückenleiden|rückenschmerzen|hexenschuss|hüftoperation|"
     "knieoperation|hüftprothese|prothese*|amput*|rollstuhl*|gehhilfe*|krücken|querschnitt*|"
     "gelähmt*|lähmung*|erblind*|sehbehinder*|hörbehinder*|schwerhörig*|hörgerät*|gehbehinder*|"
     "körperbehinder*|geistig "
     "behindert*|lernbehinder*|schwerbeh*|behindert*|pflegegrad*|pflegestufe*|erwerbsminderung*|"
     "erwerbsunfähig*|berufsunfähig*|dienstunfähig*|arbeitsunfähig*|krankschreib*|krankmeldung*|"
     "krankenstand|langzeitkrank*|wiedereingliederung*|reha-*|rehaklinik"},
    {POL_SPECIAL_HEALTH, 1,
     "schwangerschaft*|risikoschwangerschaft*|mutterschutz|kinderwunsch*|künstliche "
     "befruchtung|unfruchtbar*|kaiserschnitt|abtreibung*|totgeburt|wechseljahre|zyste*|"
     "endometriose|hiv-infiziert|hiv-infekt*|hiv-test*|aidskrank*|hepatitis|tuberkulose|"
     "geschlechtskrank*|syphilis|borreliose|gürtelrose|lebensmittelallerg*|nussallerg*|"
     "erdnussallerg*|laktoseintoleran*|glutenunverträg*|nahrungsmittelunverträg*|epilepti*|"
     "krampfanf*|anfallsleiden|legasthen*|asperger*|autismus*|aufmerksamkeitsdefizit*|"
     "aufmerksamkeitsstörung|down-syndrom|trisomie*|mukoviszidose|hämophil*|bluter|sichelzell*|"
     "muskelschwund|muskeldystroph*|spastik*|grüner star|grauer "
     "star|makuladegeneration|netzhaut*|schlafapnoe|blutdruck*|blutzucker*|insulinpumpe|"
     "insulinpflichtig|antidepressiva|blutverdünner|schlaftabletten|schmerzmittel*|psychopharmaka|"
     "psychiatr*"},
    {POL_SPECIAL_HEALTH, 1,
     "psychosomat*|psychotherap*|nervenzusammenbruch|depressionen|gesprächstherapie|traumatherapie|"
     "onkolog*|kardiolog*|intensivstation|palliativ*|hospiz|notoperation|operiert|demenz*|"
     "adipositas|magersucht|magersüchtig|magenbypass|magengeschwür|dialyse*|organspende*|"
     "organtransplant*|knochenmark*|maladie chronique|maladie cardiaque|maladie "
     "auto-immune|maladie rare|maladie professionnelle|affection de longue durée|longue "
     "maladie|cancer*|tumeur*|métastas*|leucémie|lymphome|chimio*|radiothérapie|mastectomie|"
     "ablation*|insuffisance*|avc|infarctus|crise cardiaque|problèmes cardiaques|stimulateur "
     "cardiaque|pontage|hypertension|diabète*|insulin*|asthm*|bpco|mucoviscidose|sclérose*|"
     "parkinson|alzheimer|démence|épilep*|crises d'épilepsie|migraine*|fibromyalgie"},
    {POL_SPECIAL_HEALTH, 1,
     "polyarthrite|arthrose|rhumatisme*|spondylarthrite|goutte|lombalgie|hernie|mal de "
     "dos|sciatique|prothèse*|fauteuil "
     "roulant|béquilles|paraplég*|tétraplég*|hémiplég*|malvoyant*|non-voyant*|aveugle|malentendant*"
     "|sourd|sourde|appareil auditif|handicap*|rqth|incapacité*|inaptitude|inapte|mi-temps "
     "thérapeutique|arrêt de travail|arrêt maladie|congé maladie|congé maternité|congé "
     "pathologique|grossesse*|fausse "
     "couche*|ivg|fiv|pma|césarienne|ménopaus*|endométriose|séropositi*|vih|hépatite*|tuberculose|"
     "covid long|allergi*|intolérance au*|intolérant*|maladie "
     "coeliaque|coeliaque|crohn|rectocolite|ulcère|cirrhose|dialys*|greffe*|greffé*|transplant*|"
     "dépression*"},
    {POL_SPECIAL_HEALTH, 1,
     "dépressi*|burn-out|burn out|épuisement professionnel|anxiété|troubles "
     "anxieux|anxiolytique*|trouble panique|attaques de "
     "panique|bipolaire*|bipolarité|schizophrén*|psychotique|paranoïa|tentative de "
     "suicide|suicidaire*|tca|anorexi*|boulimi*|trouble alimentaire|troubles alimentaires|troubles "
     "du comportement|tdah|autis*|asperger|dyslex*|trisomi*|stress "
     "post-traumatique|antidépresseur*|neuroleptique*|somnifère*|lithium|alcooli*|alcoolodépend*|"
     "cure de désintoxication|désintoxication|addict*|toxicoman*|dépendance "
     "à*|sevrage|héroïne|méthadone|psychologue|psychothérap*|hospitalis*|soins "
     "palliatifs|réanimation|rééducation|kinésithérap*|thyroïd*|cholestérol|glaucome|cataracte|"
     "apnée*|acouphène*|obés*|surpoids|maladie de lyme|drépanocyt*|hémophil*"},
    {POL_SPECIAL_HEALTH, 1,
     "myopathi*|patologia*|tumore*|tumori|cancro*|leucemi*|linfom*|melanom*|carcinom*|chemio*|"
     "radioterap*|infarto|ictus|cardiopat*|scompenso*|bypass|ipertension*|diabet*|asma*|fibrosi "
     "cistica|sclerosi*|demenza*|epiless*|epilett*|emicrani*|fibromialgi*|artrit*|artros*|reumat*|"
     "gotta|ernia*|mal di schiena|lombalgi*|sciatic*|protesi*|amputa*|sedia a "
     "rotelle|carrozzina|stampelle|parapleg*|tetrapleg*|paralis*|ipovedente|non "
     "vedente|cieco|cieca|sordo|sorda|ipoacusi*|apparecchio acustico|disabil*|legge "
     "104|inidone*|congedo per malattia|malattia "
     "profession*|maternità|gravidanza*|gravida|aborto*|fecondazione*"},
    {POL_SPECIAL_HEALTH, 1,
     "cesareo|menopausa|endometriosi|sieropositiv*|hiv|aids|epatit*|tubercolos*|sifilide|herpes|"
     "fuoco di "
     "sant'antonio|celiac*|intolleran*|intolleranza*|colite*|ulcera*|cirros*|dialisi|trapiant*|"
     "depression*|depress*|burnout|esaurimento nervoso|ansia|attacchi di "
     "panico|disturbo*|bipolar*|schizofren*|psicos*|psicotic*|tentato "
     "suicidio|suicid*|anoressi*|bulimi*|dislessi*|adhd|sindrome "
     "di*|antidepressiv*|ansiolitic*|psicofarmac*|alcolis*|alcolist*|tossicodipend*|disintossic*|"
     "dipendenza da*|ludopat*|eroina|metadone|psichiatr*|psicolog*|psicoterap*|ricover*|terapia "
     "intensiva|cure palliative|intervento chirurgico|intervento "
     "al*|riabilitaz*|fisioterap*|tiroid*|colesterolo"},
    {POL_SPECIAL_HEALTH, 1,
     "glaucoma|cataratta|apnee*|acufen*|obes*|emofili*|talassemi*|anemia*|distrofia*|cáncer*|tumor*"
     "|metástas*|linfoma*|melanoma*|carcinoma*|quimio*|infarto*|derrame "
     "cerebral|insuficiencia*|marcapasos|hipertens*|hipertensi*|diabét*|asmátic*|epoc|fibrosis "
     "quística|esclerosis*|demencia*|epileps*|epilépt*|migrañ*|artritis|artrosis|hernia*|lumbalgi*|"
     "lumbago|dolor de espalda|dolor crónico|ciátic*|prótesis|silla de "
     "ruedas|muletas|parapléj*|tetrapléj*|parálisis|ciego|ciega|invidente|sordera|audífono*|"
     "discapaci*|minusval*|incapacidad*|incapacit*|baja laboral|baja médica|baja por*|de baja|baja "
     "maternal|embaraz*"},
    {POL_SPECIAL_HEALTH, 1,
     "fecundación*|fertilidad|estéril|cesárea|menopausi*|endometriosis|seropositiv*|tuberculosis|"
     "sífilis|covid "
     "persistente|alergi*|alérgic*|celíac*|intoleran*|úlcera*|cirrosis|diálisis|trasplant*|depresi*"
     "|deprimid*|agotamiento*|ansiedad|ataques de pánico|ataque de "
     "pánico|trastorno*|esquizofren*|esquizofrén*|psicosis|psicótic*|intento de "
     "suicidio|dislexi*|síndrome "
     "de*|antidepresiv*|ansiolític*|alcohol*|alcohóli*|drogadic*|drogodepend*|toxicóman*|"
     "desintoxic*|adicto*|adicta*|adicción*|adicciones|ludópat*|heroína|metadona|psiquiatr*|"
     "psiquiátr*|psicólog*|oncológ*|cardiólog*|hospitaliz*|ingresad*|cuidados paliativos|cuidados "
     "intensivos|rehabilit*|colesterol|cataratas|apnea*"},
    {POL_SPECIAL_HEALTH, 1,
     "acúfenos|hemofili*|hemofíl*|câncer|leucemia*|enfarte*|derrame*|insuficiência*|dpoc|fibrose "
     "quística|esclerose*|demência*|epilét*|enxaqueca*|artrite*|artrose*|hérnia*|dores nas "
     "costas|dor crónica|prótese*|cadeira de rodas|invisual|surdo|surda|surdez|aparelho "
     "auditivo|deficiente*|incapaci*|atestado médico|baixa médica|baixa por*|de baixa|licença de "
     "maternidade|gravidez*|fertiliza*|cesariana|soropositiv*|hepatite*|covid "
     "longa|intoler*|cirrose|diálise|hemodiálise|esgotamento*|ansiedade|ataques de "
     "pânico|perturbação*|transtorno*|esquizofr*|psicose*|tentativa de "
     "suicídio|suicíd*|anorétic*|phda|alcoóli*|toxicodepend*|dependência*|dependente "
     "de*|viciad*|internad*"},
    {POL_SPECIAL_HEALTH, 1,
     "cirurgia*|reabilita*|tireoid*|apneia*|hemofil*|chronisch "
     "ziek*|kanker*|borstkanker|darmkanker|longkanker|prostaatkanker|huidkanker|hersentumor|"
     "uitzaaiing*|leukemie|lymfoom|bestraling*|borstamputatie|hartinfarct|hartaanval|hartfalen|"
     "hartaandoening|hartklachten|hartpatiënt*|hartoperatie|beroerte|herseninfarct|hersenbloeding|"
     "bloeddruk|suikerziekte|insuline*|astma*|copd|taaislijmziekte|multiple "
     "sclerose|epilep*|reuma*|artrose|jicht|rugklachten|rugpijn|rughernia|chronische "
     "pijn|geamputeerd*|rolstoel*|krukken|verlamd*|dwarslaesie|slechtziend*|slechthorend*|doof|"
     "gehoorapparaat|gehandicapt*|verstandelijk*|wajong*|wia-uitkering|arbeidsongeschikt*|"
     "arbeidshandicap|ziekteverlof|ziektewet"},
    {POL_SPECIAL_HEALTH, 1,
     "langdurig ziek|ziek thuis|zit ziek "
     "thuis|ziekmelding*|zwangerschap*|zwanger*|zwangerschapsverlof|miskraam|abortus|ivf*|"
     "onvruchtbaar*|vruchtbaarheidsbehandeling|keizersnede|hiv*|seropositief|syfilis|gordelroos|"
     "longcovid|coeliakie|lactose-intolerant*|glutenallergie|maagzweer|levercirrose|nierdialyse|"
     "nierpatiënt*|donornier|depressi*|overspannen*|angststoornis|angstklachten|paniekaanval*|"
     "paniekstoornis|bipolair*|manisch-depressief|psychotisch*|zelfmoordpoging*|suïcid*|"
     "zelfbeschadig*|eetstoornis|down*syndroom|ptss|slaappillen|kalmeringsmiddel*|alcoholverslaafd*"
     "|verslaafd*|verslaving*|afkick*|ontwenning*|drugsverslaafd*|gokverslaafd*|gokverslaving|"
     "heroïne|methadon|psychiater|psycholoog|oncoloog|cardioloog|opgenomen|ziekenhuisopname|"
     "palliatief"},
    {POL_SPECIAL_HEALTH, 1,
     "terminaal|geopereerd*|revalid*|revalidatie*|fysiotherap*|schildklier*|cholesterol|glaucoom|"
     "staar|slaapapneu|obesitas|hemofilie|bloedarmoede|spierziekte|spierdystrofie|choruj*|chory|"
     "chora|chorego|chorej|schorzeni*|rak|rakiem|nowotwor*|nowotwór|guz*|przerzut*|białaczk*|"
     "chłoniak*|czerniak*|chemi*oterap*|chemioterap*|chemię|naświetla*|mastektomi*|zawał*|udar*|"
     "wylew|niewydolnoś*|arytmi*|rozrusznik serca|bajpas*|wada serca|wadę serca|wadą serca|chorobę "
     "serca|nadciśnieni*|cukrzyc*|cukrzyk*|astm*|mukowiscydoz*|stwardnieni*|parkinson*|alzheimer*|"
     "demencj*|otępieni*|padaczk*|migren*|zwyrodnieni*|reumatyzm*"},
    {POL_SPECIAL_HEALTH, 1,
     "reumatoidaln*|dn*a moczanow*|przepuklin*|rwa kulszow*|bóle kręgosłupa|bólami "
     "kręgosłupa|wózku inwalidzkim|wózka inwalidzk*|wózek "
     "inwalidzki|kulach|sparaliżowan*|paraliż*|niewidom*|niedowidz*|słabowidz*|niesłysz*|głuch*|"
     "głuchoniem*|niedosłuch*|aparat słuchowy|niepełnospraw*|inwalid*|renci*|rentę|rencie|renta "
     "inwalidzk*|orzeczeni* o*|stopień niepełnospr*|niezdoln*|zwolnieni* lekarski*|zwolnieniu "
     "chorobow*|chorobowym|urlopie "
     "macierzyńskim|ciąż*|ciężarn*|poronił*|poroni*|niepłodn*|bezpłodn*|cesarsk*|menopauz*|"
     "endometrioz*|wzw|żółtaczk*|zapalenie "
     "wątroby|gruźlic*|półpasiec|półpaśc*|borelioz*|alergik*|uczulen*|uczulon*|celiaki*|"
     "nietoleranc*|leśniowskiego*|wrzod*|marskoś*|dializ*|przeszczep*|depresj*"},
    {POL_SPECIAL_HEALTH, 1,
     "depresyjn*|wypaleni* zawodow*|załamani* nerwow*|lękow*|lękami|nerwic*|ataki paniki|atakami "
     "paniki|zaburzeni*|dwubiegunow*|psychoz*|psychotyczn*|samobójcz*|samobójstw*|samookalecz*|"
     "anoreksj*|autyzm*|autysty*|aspergera|dyslek*|zespół downa|zespołem "
     "downa|antydepres*|przeciwdepres*|psychotrop*|nasenn*|alkoholi*|alkoholow*|uzależni*|nałog*|"
     "odwyk*|detoks*|narkotyk*|narkoma*|heroin*|metadon*|psycholog*|psychoterap*|hospicjum|"
     "paliatywn*|oiom*|śpiączk*|tarczyc*|hashimoto|cholesterol*|jaskr*|zaćm*|bezdech*|szumy "
     "uszne|otył*|anemi*|dystrofi*|sepsa|sepsę|tętniak*|kamic*|złamani*|wirusem "
     "hiv|nemocn*|rakovin*"},
    {POL_SPECIAL_HEALTH, 1,
     "nádor*|metastáz*|leukémi*|lymfom*|chemoterapi*|ozařován*|infarkt*|mrtvic*|srdeční*|selhání*|"
     "kardiostimulátor*|vysoký tlak|krevní tlak|cukrovk*|inzulin*|inzulín*|cystick* "
     "fibróz*|roztroušen* skleróz*|demenc*|epilepsi*|epileptik*|migrén*|artróz*|revma*|bolesti "
     "zad|plotén*|vozíčk*|invalidní vozík|invalidním "
     "vozíku|berlích|ochrnut*|ochrnul*|nevidom*|zrakově "
     "postižen*|neslyšíc*|hluch*|naslouchátk*|postižen*|invalidní důchod*|zdravotní "
     "postižení|pracovní neschopnost*|neschopenk*|nemocensk*|těhoten*|těhotn*|potrat*|umělé "
     "oplodnění|neplodn*|císařsk*|endometrióz*|hepatitid*|žloutenk*|tuberkulóz*|pásov* "
     "opar|borelióz*|intoleranc*|crohnov*|žaludeční vřed*|cirhóz*|dialýz*"},
    {POL_SPECIAL_HEALTH, 1,
     "transplantac*|depres*|vyhořen*|syndrom*|úzkost*|panick*|bipolár*|psychóz*|sebevražd*|"
     "sebepoškoz*|downův|downov*|závislos*|závislý|závislá|protialkoholn*|odvykac*|gambler*|"
     "psychoterapi*|paliativn*|hospic*|operován*|rehabilitac*|štítn*|zelen* zákal*|šed* "
     "zákal*|obezit*|ochorel*|ochoreni*|tehotn*|tehoten*|postihnut*|závislosť*|práceneschopn*|"
     "boala*|bolnav*|tumoră|metastaz*|limfom*|chimioterapi*|radioterapi*|mastectomi*|infarct*|"
     "accident vascular*|insuficienț*|cardiac*|stimulator "
     "cardiac|hipertensiun*|scleroz*|demenț*|epilept*|artroz*|gută|dureri de "
     "spate|discopatie*|scaun cu rotile|scaun rulant|cârje|paraliz*|nevăzăt*"},
    {POL_SPECIAL_HEALTH, 1,
     "oarbă|surd|surdă|aparat auditiv|dizabilit*|certificat de handicap|concediu medical|concediu "
     "de boală|concediu de "
     "maternitate|sarcin*|însărcinat*|avort*|fertilizare*|cezarian*|seropozitiv*|hepatit*|"
     "tuberculoz*|sifilis|zona zoster|alergic*|boala "
     "celiacă|intoleranț*|colit*|ciroz*|depresiv*|epuizare*|anxietat*|anxios*|atacuri de "
     "panică|tulburar*|tulburăr*|psihoz*|psihotic*|sinucider*|sinucid*|autism*|dislex*|sindrom*|"
     "anxiolitic*|alcoolism*|alcoolic*|dezintoxic*|droguri|jocuri de "
     "noroc|psihiatr*|psiholog*|psihoterap*|spitaliz*|paliativ*|terapie intensivă|intervenție "
     "chirurgicală|recuperare "
     "medicală|kinetoterap*|colesterol*|glaucom*|obez*|distrofi*|bröstcancer|prostatacancer|"
     "brystkræft"},
    {POL_SPECIAL_HEALTH, 1,
     "kræft*|lungekræft|kreft*|brystkreft|tumör*|svulst*|leukemi*|leukæmi*|cellgift*|cytostatika|"
     "kemoterapi*|kemo|cellegift*|strålbehandl*|strålebehandl*|hjärtinfarkt*|hjärtsvikt|hjärtsjuk*|"
     "hjärtfel*|hjerteinfarkt*|hjerteanfald|hjertesvigt|hjertesvikt|hjertesygdom*|hjerteproblem*|"
     "hjärtproblem*|hjertefejl|pacemaker*|stroke*|hjärnblödning*|hjerneblødning*|slagtilfælde|"
     "blodtryck*|blodtryk*|blodtrykk*|sukkersyg*|kols|cystisk fibros*|multipel skleros|multipel "
     "sklerose|demens*|migrän*|migræne*|migrene*|fibromyalgi*|reumatism*|gigt*|ledgigt|leddgikt|"
     "gikt*|artros|slidgigt|diskbråck|diskusprolaps|ryggbesvär|ryggproblem*|rygproblem*|ryggont|"
     "rygsmerter|amputer*"},
    {POL_SPECIAL_HEALTH, 1,
     "rullstol*|kørestol*|rullestol*|kryckor|krykker|förlam*|synskad*|synshandicap*|svagsynt*|"
     "hörselskad*|hørehæmmet|hørselshemm*|hörapparat*|høreapparat*|funktionshind*|funktionsneds*|"
     "funktionsvari*|funksjonsneds*|funksjonshem*|handikapp*|sjukpension*|sjukersättning*|"
     "førtidspension*|uføre*|sjukskriv*|sygemeld*|sykmeld*|sjukledig*|sygeorlov*|sykepenger|"
     "sygedagpenge|sjukpenning|missfall*|spontanabort|provrörsbefruktning|ofrivilligt "
     "barnlös*|barnløs*|kejsarsnitt|kejsersnit|keisersnitt|klimakteriet|overgangsalder*|"
     "endometrios*|tuberkulos*|bältros|helvedesild|borrelia|glutenintoler*|laktosintoler*|"
     "laktoseintoler*|cøliaki|crohn*|magsår|mavesår|skrumplever|depressiv*|deprimer*|depresjon*|"
     "utmattning*|utbränd*"},
    {POL_SPECIAL_HEALTH, 1,
     "utbrent*|udbrændt*|stresssyg*|angst*|panikångest|panikattack*|panikanfald|angstlidelse|"
     "bipolär*|skizofren*|psykos*|psykotisk*|självmord*|selvmord*|självskad*|selvskad*|anoreksi*|"
     "ätstörning*|spiseforstyrr*|dyslektiker|ordblind*|downs "
     "syndrom|ptsd|posttraumat*|lykkepiller|sömntabletter|sovepiller|alkoholis*|alkoholprobl*|"
     "alkoholmissbruk*|alkoholmisbrug*|missbruk*|misbrug*|rusmisbruk*|beroende av*|afhængig "
     "af*|avhengig av*|avrus*|afvænning*|anonyma alkoholister|anonyme "
     "alkoholikere|narkoman*|spelberoende|ludoman*|spilleafhængig*|psykiatr*|psykolog*|psykoterap*|"
     "inlagd*|indlagt*|innlagt*|opererad*|opereret|operert|rehab*|genoptræning|fysioterap*|"
     "sköldkörtel*|stofskifte*|stoffskifte*"},
    {POL_SPECIAL_HEALTH, 1,
     "kolesterol*|glaukom*|grön starr|grå "
     "stær|sömnapné|søvnapnø|fetma*|övervikt*|overvægt*|fedme*|blödarsjuk*|blødersyg*|blodbrist|"
     "muskelsvind|sairas*|syöpä*|syövä*|rintasyö*|leukemia*|kasvain*|kasvaim*|solunsalpaaj*|"
     "sädehoi*|sydänkohtau*|sydäninfarkt*|sydänsairau*|aivohalvau*|aivoinfarkt*|verenpain*|insulii*"
     "|ms-tau*|dementi*|muistisairau*|migreen*|nivelrik*|selkäki*|välilevy*|proteesi*|amputoi*|"
     "pyörätuoli*|halvaantu*|sokea*|näkövam*|kuuro*|kuulovam*|kuulolai*|kehitysvam*|työkyvyttöm*|"
     "työkyvytön*|sairausloma*|sairauslomal*|sairauspäiväraha*|raska*|keskenmeno*|abortti*|"
     "hedelmöityshoi*|lapsettom*|keisarileik*|vaihdevuo*|endometrioo*"},
    {POL_SPECIAL_HEALTH, 1,
     "hepatiit*|tuberkuloo*|kuppa*|vyöruusu|allergia*|keliaki*|dialyys*|elinsiir*|siirrän*|masen*|"
     "masennu*|uupumu*|loppuun "
     "pala*|työuupu*|ahdistunei*|ahdistus*|paniikkihäiri*|kaksisuunt*|skitsofren*|psykoo*|itsemurh*"
     "|anoreks*|syömishäiri*|lukihäiri*|downin*|masennuslää*|päihde*|päihtei*|katkaisuhoi*|"
     "vieroitu*|huumeid*|huumei*|heroiin*|peliriippu*|psykiatri*|mielenterv*|saattohoi*|kooma*|"
     "kuntout*|kilpirauha*|kolestero*|glaukooma|harmaakaihi|uniapn*|ylipaino*|lihava*|diagnosoi*|"
     "rákos*|mellrák*|tüdőrák*|daganat*|áttét*|limfóm*|kemoterápi*|kemó*|sugárkezel*|infarktus*|"
     "szívroham*|szívbeteg*|szívelégtelen*"},
    {POL_SPECIAL_HEALTH, 1,
     "sztrók*|agyvérzés*|magas "
     "vérnyomás*|vérnyomás*|cukorbeteg*|asztma*|asztmás*|szklerózis*|demenci*|epilepszi*|ízületi*|"
     "köszvény*|gerincsérv*|protézis*|amputál*|kerekesszék*|tolószék*|mankó*|béna|bénul*|lebénul*|"
     "látássérült*|siket*|hallássérült*|hallókészülék*|fogyaték*|rokkant*|megváltozott "
     "munkaképesség*|munkaképtelen*|betegszabadság*|táppénz*|táppénzen|terhes*|várandós*|vetél*|"
     "abortusz*|lombik*|császármetsz*|endometriózis*|tbc|tuberkul*|szifilisz*|övsömör|allergiás*|"
     "cöliáki*|lisztérzékeny*|fekély*|májzsugor*|dialízis*|művesekezel*|átültet*|transzplant*|"
     "depresszi*|kiég*|szorong*|pánikbeteg*|pánikroham*|bipoláris*|skizofrén*|pszichó*"},
    {POL_SPECIAL_HEALTH, 1,
     "öngyilkos*|autizm*|diszlexi*|down-szindró*|antidepressz*|alkoholfüggő*|függő*|függőség*|"
     "elvonó*|drogfügg*|drogos*|játékfügg*|pszichiát*|pszicholó*|pszichoter*|onkoló*|kardioló*|"
     "megműt*|operál*|pajzsmirigy*|koleszterin*|elhízott*|vérszegény*|diagnosztiz*|xanax*|opéré|"
     "opérée|műtét*|schwanger*|enceinte|embarazada|baby "
     "verloren|litio|lítio|lítium*|litiu|litium|bierze lit|taub|auf einem ohr|neschopence|v "
     "pracovní neschop*|pn-ka|baby met|sternenkind|fehlgeburt|hernia "
     "l5*|l5-s1|appendicite|appendicit*|apendicite|apendicitis|blindedarm*|blinddarm*|slepé "
     "střevo|wyrostek|vakbél*|apendicit*|fenilceton*|phénylcéton*"},
    {POL_SPECIAL_HEALTH, 1,
     "phenylketon*|g6pd|fizjoterap*|fysio|physio|physiotherapy|kiné|fisio|gyógytorn*|kinetoter*|"
     "onkológ*|chimio|quimio|bestraling|radioter*|radiothér*|radiotherapy|naświetl*|ozařov*|"
     "strålning*|strålerne|autist*|autiz*|operated "
     "on|operado|operada|operato|operata|geopereerd|operacji|operowan*|operovali|operovan*|"
     "opererades|operat la|operată la|m-au operat|műtötték|sick note until|krankgeschrieben|arrêt "
     "jusqu'au|parte de baja|atestado|malattia fino|ziekmelding|zwolnienie do|neschopenka do|intyg "
     "till|medical până|betegállomány*|allerg*|alerg*|half days|halbtags|mi-temps thér*|media "
     "jornada|meio tempo|pół etatu|poloviční úvazek|halvtid"},
    {POL_SPECIAL_HEALTH, 1,
     "halv tid|part-time because|carer for|cares for|pflegt ihre*|pflegt "
     "seine*|schwerhörig|hypos|cukorbeteg|diabetik*|diabetiker*|astm|asztm*|grávida|incinta|"
     "zwanger|ciąży|terhes|várandós|maternity leave|elternzeit|due in*|expecting a baby|erwartet "
     "ein kind|attend un bébé|espera un bebé|aspetta un bambino|em trabalho de "
     "parto|panic*|panik*|pánik*|anxi*|depresív*|selbsthilfegruppe|therapy sessions|in "
     "therapie|suivie par un psy|vede un terapista|antidepr*|ångest|ångesten|döva|döv på|är "
     "döv|døve|er "
     "døv|protezę|protezy|protezą|protézu|protéza|operados|zespołem*|gravid|gravide|gravidez|"
     "grávidas|gravidă|rákos|rákban"},
    {POL_SPECIAL_HEALTH, 1,
     "rákja|avgiftning*|avgiftad|meddőség*|ansie|sérvem|kiłę|kiły|interné en psych*|internée en "
     "psych*|protesen|benprotes*|protese|proteser|inabile|kýlu|kýla|kýlou|deficiência*|deficiente|"
     "sugárkez*|hazardzist*|chemotherap*|chemoterap*|chimiother*|pillola|pillole"},
    {POL_SPECIAL_HEALTH, 0,
     "malattia rara|malattia cronica|malattie croniche|enfermedad crónica|enfermedad rara|doença "
     "crónica|doença crônica|doença de*|enfermedad de*|malattia di*|malato*|malata*|malato di|ma "
     "chorobę*|chorobę psych*|choroba nowotw*|chorobę nowotw*|chorobą nowotw*|choroby "
     "nowotw*|chorobę autoimm*|chorobę crohna|chorobę parkinsona|chorobę alzheimera|chorobę "
     "wieńcow*|choroba serca|przewlekł* chor*|boala parkinson|boala alzheimer|boala crohn|boală "
     "cronică|boală autoimun*|boli de inimă|chronick* onemocněn*|vážně nemocn*|kronisk "
     "sjuk*|kronisk sygdom|kronisk sykdom|kronisk syk*|kronikusan beteg|krónikus beteg*|súlyos "
     "beteg*|sulla sedia|deaf|blind since|blind in|blind on|jest głuch*|is blind|är blind|er "
     "blind|zit ziek|epilépsia|disturbo bipol*|disturbo d*|disturbi alim*|disturbi mentali|poruch* "
     "příjmu|poruch* osobnosti|poruch* učení|úzkostn* poruch*"},
    {POL_SPECIAL_HEALTH, 0,
     "duševn* poruch*|duševní onemocn*|psychick* problém*|psychick* onemocn*|tulburare "
     "bipol*|tulburare de*|tulburări "
     "de*|mielenterveysh*|ahdistuneisuush*|evészavar*|pánikzavar*|étkezési zavar*|heart "
     "operation|heart attack|hjärtoperation*|hjerteoperation*|opererades för|opereret for|operert "
     "for|operado del|operada del|operada de|operado de|operado a|operata al|operato al|operada "
     "ao|opérée du|opérée d'|opéré du|opéré d'|operacji serca|operację serca|operacji "
     "kręgosłupa|operację "
     "kręgosłupa|szívműtét*|csípőműtét*|térdműtét*|sydänleikk*|lonkkaleikk*|polvileikk*|operaci "
     "kolene|operaci srdce|operaci kyčle|po operaci|po operacji|diagnosed|diagnosis of|diagnose "
     "von|wurde bei ihm|wurde bei "
     "ihr|diagnostizier*|diagnostiqu*|diagnosticat*|diagnosticad*|diagnosticar*|diagnosticer*|"
     "diagnostiser*|gediagnosticeerd|zdiagnoz*"},
    {POL_SPECIAL_HEALTH, 0,
     "diagnostikov*|vårdas för|behandlas för|behandles "
     "for|cystisk*|abort|aborcj*|aborción|interruption de grossesse|suffers|suffering|leidet|litt "
     "unter|leide|erkrankt*|erkrankung|krank|krankheit|krebskrank*|souffre*|malade*|ammalat*|soffr*"
     "|enferm*|padec*|sufre*|sofre*|doente*|lijdt*|ziek|zieke|cierpi*|trpí*|trpěl*|suferă*|suferea|"
     "lider av|lider af|led av|led af|lidit "
     "av|kärsii|szenved*|sjuk|syg|syk|psychosis|psychotic|psychosen|seizures|broken "
     "bones|allergic*|allergique*|allergisch*|allergisk*|hospitalised|hospitalized|hospitalisé*|w "
     "szpitalu|im krankenhaus"},
    {POL_SPECIAL_HEALTH, 0,
     "à l'hôpital|in ospedale|en el hospital|no hospital|in het ziekenhuis|v nemocnici|in "
     "spital|în spital|på sjukhus|på sygehus*|på sykehus*|sairaalas*|kórházban|in "
     "hospital|klinik|clinic|dauerhaft "
     "krank|therapie|therapy|thérapie|terapia|terapii|terapie|terapi|terápi*|type 1|type 2|typ "
     "1|typ 2|typu 1|typu 2|tipo 1|tipo 2|type-1|type-2|tip 1|tip 2|1-es típusú|2-es "
     "típusú|stent*|hypoglyc*|hypoglyk*|ipoglicem*|hipogluc*|hipoglic*|hipoglik*|blodprop*|"
     "blodpropp*|propp i|blodfortynd*|blodförtunn*|blutverdünn*|skrumpelever|désintox*|en "
     "fauteuil|fauteuil depuis|na wózku|na vozíku|apoplex*|apoplexie"},
    {POL_SPECIAL_HEALTH, 0,
     "polyuri*|tremor|marcumar*|apixaban*|eliquis|xarelto|warfarin*|litium*|valium|ritalin*|"
     "concerta|prozac|zoloft|sertralin*|ozempic*|metformin*|insulín*|lantus|ventolin*|ventoline|"
     "inhalator*|inhaler*|inalatore|inhalador*|bomba da "
     "asma|pufje|ventilan|epipen*|hormone*|testosterone|estrogen|t-shots|methadone|suboxone|"
     "naloxone|prep|antiretrovir*|long-covid|me/cfs|chronic "
     "fatigue|erschöpf*|müdigkeitssynd*|chronique|chroniquement|chronische|przewlek*|chronick*|"
     "kronisk*|cronic*|crónic*|krónikus*|reha|sanatori*|senatorium|sanatór*|krankmeld*|krankgeschr*"
     "|krankenhaus*|krankenkasse zahlt|au-bescheinig*"},
    {POL_SPECIAL_HEALTH, 0,
     "arztbrief|en arrêt|hôpital|opération du|chirurgie du|intervention "
     "chir*|ospedal*|ricoverat*|operazione al*|operazione a*|operación de|operaron|operar "
     "de|hospital|operação a*|operação ao|internamento|ziekenhuis*|operatie "
     "aan|operatie|opname|szpital*|operacj*|zabieg*|pobyt w "
     "szpitalu|nemocnic*|spital*|internat|sjukhus*|operation|sygehus*|sykehus*|kórház*|műtöt*|"
     "oncology|oncologist|onkologi*|oncologi*|oncólog*|therapist|therapie*|terapeut*|neurólog*|"
     "specialist|blutwert*|leberwert*|prise de sang|analisi del sangue|análisis de "
     "sangre|análises|bloeduitslag*|wyniki krwi|krevní "
     "test*|blodprov*|blodprøve*|analize*|vérkép|lab results|diagnose*|diagnos*"},
    {POL_SPECIAL_HEALTH, 0,
     "diagnós*|diagnoz*|diagnóz*|diagnoosi*|wózek|wózk*|vozík*|rampe|disabled "
     "parking|parkausweis|blue badge|pflegt*|pflege*|caregiver|carer|carer's|pwd|gdb|gdb "
     "50|schwerbehind*|merkzeichen|ztp|ztp/p|mozgáskorl*|megváltozott*|handicapé*|mdph|allocation "
     "adulte handicapé|invalidez|incapacidad|wia|iva|wmo|orzeczen*|grupa "
     "inwalid*|stopień|szpit*|nfz|mutuelle "
     "refuse|medication|medications|medicine|meds|medikament*|médicament*|traitement*|medicamen*|"
     "medicij*|leki|leków|lekarst*|tabletk*|léky|lék|prášk*|medicin|läkemed*|medicament*|gyógysz*|"
     "pills"},
    {POL_SPECIAL_HEALTH, 0,
     "injection|injections|spritze*|piqûre*|iniezion*|inyecc*|injeç*|injectie*|zastrzyk*|injekc*|"
     "spruta|sprøjte|injecți*|symptom*|pain|schmerz*|douleur*|dolor*|dolore*|dores|pijn*|ból|bóle|"
     "bólu|bolest*|smerte*|dureri|durere|fájdal*|unwell|sick|poorly|ill|fit note*|gesundheitl*|due "
     "date|weeks pregnant|expecting|erwartet*|grossesse|morning "
     "sickness|ssw|fausse-couche|bedridden|bettlägerig|alité|bettruhe|icu|sahlgrenska|charité|f32*|"
     "f33*|c50*|e11*|z. n.|zustand nach|h/o|sclérose|ekg|mri"},
    {POL_SPECIAL_HEALTH, 0,
     "mrt|irm|rmn|tomograf*|biops*|röntg*|ultraz*|usg|lost the baby|lost a baby|das baby in|perdu "
     "le bébé|perdimos al bebé|perso il bambino|perdemos o bebé|straciliśmy dziecko|poroniłam|o "
     "miminko|förlorade barnet|mistede barnet|pierdut copilul|elvesztettük a "
     "babát|süket*|mogyoróallergi*|l4|în medical|encore arrêté|arrêté pour stress|arrêtée "
     "pour|stress|stressz*|nie słyszę|na jedno "
     "ucho|neslyším|alergia*|allergie*|alergie*|dialysis|párkinson|adrenaline|adrenalin*|hypo|"
     "angst"},
};
const size_t pol_hints_health_n = sizeof(pol_hints_health) / sizeof(pol_hints_health[0]);
